"""shibd and mod_shib as Debian configures them, but for our names and paths: for both comparisons, and
for tests/peers/moving_over."""

import os
import shutil


def command(out, sp, idp, tls):
    """Writes the configuration to `out`/shib, which is there; how shibd is started with it.

    `out` has the service provider's key and certificate and the identity provider's metadata besides;
    `sp` and `idp` are entity IDs. Without `tls`, handlers and cookies are for http.
    """
    for name in os.listdir("/etc/shibboleth"):
        shutil.copy(f"/etc/shibboleth/{name}", out / "shib" / name)
    config = out / "shib/shibboleth2.xml"
    text = config.read_text()
    handlers = 'handlerSSL="true" cookieProps="https"'
    plain = 'handlerSSL="false" cookieProps="http"'
    for old, new in [
        ("<OutOfProcess ", f'<OutOfProcess logger="{out}/shib/shibd.logger" '),
        ("<ApplicationDefaults ", f'<InProcess logger="{out}/shib/native.logger"/>\n'
         f'<UnixListener address="{out}/shib/shibd.sock"/>\n<ApplicationDefaults '),
        ("https://sp.example.org/shibboleth", sp),
        ("https://idp.example.org/idp/shibboleth", idp),
        (handlers, handlers if tls else plain),
        ("<!-- Example of locally", f'<MetadataProvider type="XML" path="{out}/idp.xml"/>\n'
         "<!-- Example of locally"),
        ("sp-signing-key.pem", f"{out}/sp.key"),
        ("sp-signing-cert.pem", f"{out}/sp.crt"),
        ("sp-encrypt-key.pem", f"{out}/sp.key"),
        ("sp-encrypt-cert.pem", f"{out}/sp.crt"),
    ]:
        assert old in text, old
        text = text.replace(old, new, 1)
    for name in ["attribute-map.xml", "attribute-policy.xml", "security-policy.xml",
                 "protocols.xml"]:
        text = text.replace(f'path="{name}"', f'path="{out}/shib/{name}"')
    config.write_text(text)
    for name in ["shibd.logger", "native.logger"]:
        logger = out / "shib" / name
        logger.write_text(
            logger.read_text()
            .replace("/var/log/shibboleth-www", f"{out}/shib")
            .replace("/var/log/shibboleth", f"{out}/shib")
            .replace("/var/log/apache2", f"{out}/shib")
        )
    return ["shibd", "-F", "-c", str(config), "-p", str(out / "shib/shibd.pid")]
