# LemonLDAP::NG loads a module for captchas, wanted or not, and Debian's needs ImageMagick. This one
# takes its place (`captcha` in the configuration) and is never asked.
package NoCaptcha;

use strict;
use Mouse;

extends 'Lemonldap::NG::Portal::Main::Plugin';

sub init { 1 }

1;
