<?php

// SimpleSAMLphp as an identity provider on loopback: `config.php` of SIMPLESAMLPHP_CONFIG_DIR.
// Everything that it writes is in the folder of the running instance.

require_once __DIR__ . '/options.php';

$folder = peer_folder() . '/';
$options = peer_options();

$config = [
    'baseurlpath' => $options['base'],
    'certdir' => $folder,
    'loggingdir' => $folder,
    'datadir' => $folder,
    'tempdir' => $folder . 'tmp',
    'metadatadir' => __DIR__ . '/metadata/',
    'attributenamemapdir' => '/etc/simplesamlphp/attributemap/',

    'secretsalt' => 'a salt that protects nothing but this test',
    'auth.adminpassword' => bin2hex(random_bytes(16)),
    'technicalcontact_name' => 'Help desk',
    'technicalcontact_email' => 'help@example.com',
    'timezone' => 'UTC',

    'showerrors' => true,
    'errorreporting' => false,
    'logging.level' => SimpleSAML\Logger::NOTICE,
    'logging.handler' => 'errorlog',

    'enable.saml20-idp' => true,
    'module.enable' => ['exampleauth' => true, 'core' => true, 'saml' => true],

    'session.cookie.secure' => false,
    'session.cookie.samesite' => 'Lax',
    'session.phpsession.savepath' => $folder . 'sessions',
    'session.phpsession.cookiename' => 'SimpleSAML',
    'session.phpsession.httponly' => true,
    // Artifacts are kept here until they are resolved.
    'store.type' => 'sql',
    'store.sql.dsn' => 'sqlite:' . $folder . 'store.sqlite',

    // The service provider's metadata as it comes, once it is there.
    'metadata.sources' => array_merge(
        [['type' => 'flatfile']],
        array_map(
            fn ($file) => ['type' => 'xml', 'file' => $file],
            glob($folder . 'sp-*.xml')
        )
    ),
    'language.available' => ['en'],
    'language.default' => 'en',
];
