//! `samlgate serve` that can not start: a clear message, exit code 1, nothing half-written.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::{encryption, ports};

struct Place(tempfile::TempDir);

impl Place {
    /// A good configuration, with more lines for `[server]`.
    fn new(public: u16, admin: u16, server: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("config")).unwrap();
        let config = format!(
            "[server]\nlisten = \"127.0.0.1:{public}\"\npublic_url = \"https://app.example.com\"\n\
             {server}\n[admin]\nlisten = \"127.0.0.1:{admin}\"\n\n\
             [[route]]\nupstream = \"http://127.0.0.1:3000\"\n"
        );
        fs::write(folder.path().join("config/samlgate.toml"), config).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn serve(&self) -> Output {
        Command::new(env!("CARGO_BIN_EXE_samlgate"))
            .arg("serve")
            .current_dir(self.0.path())
            .output()
            .unwrap()
    }

    fn untouched(&self) -> bool {
        !self.path("data").exists() && !self.path("certs").exists()
    }
}

#[track_caller]
fn refused(output: &Output, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(output.stdout.is_empty(), "{output:?}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in {said}");
    }
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn a_taken_port_is_named_and_nothing_is_written() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    for place in [
        Place::new(port, ports::free(), ""),
        Place::new(ports::free(), port, ""),
    ] {
        refused(&place.serve(), &[&address, "another program listens"]);
        assert!(place.untouched());
    }
}

#[test]
fn an_address_of_another_machine_is_named() {
    // TEST-NET-1 (RFC 5737): nobody has it.
    let place = Place::new(ports::free(), ports::free(), "");
    let config = place.path("config/samlgate.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replacen("127.0.0.1", "192.0.2.1", 1)).unwrap();
    refused(&place.serve(), &["can not listen on 192.0.2.1"]);
    assert!(place.untouched());
}

#[test]
fn a_certificate_that_is_none_is_named() {
    let tls = "tls = { certificate = \"tls.crt\", key = \"tls.key\" }";
    let place = Place::new(ports::free(), ports::free(), tls);
    write(&place.path("tls.crt"), "not a certificate");
    write(&place.path("tls.key"), "not a key");
    refused(&place.serve(), &["tls.crt"]);
    assert!(place.untouched());
}

#[test]
fn a_half_of_a_key_pair_is_never_overwritten() {
    for (there, missing) in [
        ("sp-signing.key", "sp-signing.crt"),
        ("sp-signing.crt", "sp-signing.key"),
        ("sp-encryption.key", "sp-encryption.crt"),
        ("sp-encryption.crt", "sp-encryption.key"),
    ] {
        let place = Place::new(ports::free(), ports::free(), "");
        let path = place.path("certs").join(there);
        write(&path, "the only copy");
        refused(&place.serve(), &[there, missing]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "the only copy");
        assert!(!place.path("data").exists());
    }
}

#[test]
fn a_key_that_is_none_is_named_and_kept() {
    for name in ["sp-signing", "sp-encryption"] {
        let place = Place::new(ports::free(), ports::free(), "");
        let key = place.path(&format!("certs/{name}.key"));
        write(&key, "not a key");
        write(&key.with_extension("crt"), "not a certificate");
        refused(&place.serve(), &[&format!("{name}.key")]);
        assert_eq!(fs::read_to_string(&key).unwrap(), "not a key");
    }
}

#[test]
fn an_encryption_key_too_many_or_for_another_certificate_is_refused() {
    let place = Place::new(ports::free(), ports::free(), "");
    let certs = place.path("certs");
    let pem = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    write(
        &certs.join("sp-encryption.key"),
        &pem(encryption::OLDER_KEY),
    );
    write(
        &certs.join("sp-encryption.crt"),
        &pem(&encryption::certificate()),
    );
    refused(
        &place.serve(),
        &["sp-encryption.key", "belongs to another key"],
    );
    write(&certs.join("sp-encryption.key"), &pem(encryption::KEY));
    for name in ["a", "b", "c"] {
        write(
            &certs.join(format!("sp-encryption-{name}.key")),
            &pem(encryption::OLDER_KEY),
        );
    }
    refused(
        &place.serve(),
        &["4 keys sp-encryption*.key", "3 are tried"],
    );
    fs::remove_file(certs.join("sp-encryption-c.key")).unwrap();
    write(&certs.join("sp-encryption-b.key"), "not a key");
    refused(&place.serve(), &["sp-encryption-b.key"]);
}

#[test]
fn a_database_that_is_none_is_named_and_kept() {
    let place = Place::new(ports::free(), ports::free(), "");
    let diary = "my diary, which is no database. ".repeat(40);
    write(&place.path("data/samlgate.db"), &diary);
    refused(&place.serve(), &["samlgate.db"]);
    assert_eq!(
        fs::read_to_string(place.path("data/samlgate.db")).unwrap(),
        diary
    );
}
