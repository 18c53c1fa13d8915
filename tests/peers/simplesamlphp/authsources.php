<?php

// Who may sign in: everybody of users.json, by their own name as the password.

require_once __DIR__ . '/options.php';

$people = ['exampleauth:UserPass'];
foreach (json_decode(file_get_contents(__DIR__ . '/../users.json'), true) as $name => $person) {
    $people[$name . ':' . $name] = ['uid' => [$name]]
        + array_map(fn ($value) => (array) $value, array_filter($person));
}

$config = ['people' => $people];
