<?php

// What a test has chosen: options.json in the folder of the running instance.
function peer_folder(): string
{
    return getenv('SAMLGATE_PEER');
}

function peer_options(): array
{
    return json_decode(file_get_contents(peer_folder() . '/options.json'), true);
}
