<?php

// Service providers come as metadata in XML; a test may add one by hand.

require_once __DIR__ . '/../options.php';

$metadata = (array) peer_options()['sp'];
