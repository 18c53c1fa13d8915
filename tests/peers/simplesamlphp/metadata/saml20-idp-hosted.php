<?php

// The identity provider itself. What a test wants otherwise comes last, and wins.

require_once __DIR__ . '/../options.php';

$redirect = 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect';
$post = 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST';
$soap = 'urn:oasis:names:tc:SAML:2.0:bindings:SOAP';

$metadata['__DYNAMIC:1__'] = array_merge([
    'host' => '__DEFAULT__',
    'auth' => 'people',
    'privatekey' => 'idp.key',
    'certificate' => 'idp.crt',
    'SingleSignOnServiceBinding' => [$redirect, $post],
    'SingleLogoutServiceBinding' => [$redirect, $post],
    'sign.logout' => true,
    'validate.logout' => true,
    'saml20.sendartifact' => true,
    'scope' => ['example.com'],
    'OrganizationName' => ['en' => 'Example Corp'],
    'OrganizationURL' => ['en' => 'https://www.example.com/'],
    'UIInfo' => ['DisplayName' => ['en' => 'Example Corp Login']],
], peer_options()['idp']);
