use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::keys::{Command, Waits};

const WAITS: Waits = Waits { promote: Duration::ZERO, retire: Duration::ZERO };

fn now() -> Timestamp {
    Timestamp::parse_saml("2026-11-22T12:00:00Z").unwrap()
}

fn settings(folder: &Path) -> KeySettings {
    KeySettings {
        folder: folder.to_owned(),
        common_name: "app.example.com".to_owned(),
        given: GivenKeys::default(),
    }
}

fn step(settings: &KeySettings, usage: Use, command: Command) -> Result<(), KeyFolderError> {
    change(settings, usage, WAITS, |_| Some(command), now()).map(|_| ())
}

fn rotate(settings: &KeySettings, usage: Use) {
    let decide = |ring: &Ring| {
        Some(Command::Rotate { name: new_name(settings, ring, now()), held_back: false })
    };
    change(settings, usage, WAITS, decide, now()).unwrap().unwrap();
}

fn steps(keys: &SpKeys, usage: Use) -> String {
    let keys = keys
        .of(usage)
        .map(|key| format!("{}:{}", key.held.name, key.held.step.as_str()));
    keys.collect::<Vec<_>>().join(" ")
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_folder_of_before_works_as_it_did_and_a_roll_over_keeps_what_is_needed() {
    let folder = TempDir::new().unwrap();
    let at = folder.path().join("certs");
    let settings = settings(&at);
    let first = open_keys(&settings, now()).unwrap();
    assert_eq!(first.made.len(), 3);
    assert_eq!(mode(&at), 0o700);
    assert!(!at.join("keys.toml").exists());
    assert_eq!(steps(&first, Use::Signing), "sp-signing:active");
    assert_eq!(first.signing_certificates.len(), 1);

    for usage in Use::ALL {
        rotate(&settings, usage);
    }
    let both = open_keys(&settings, now()).unwrap();
    let named = |usage: Use| format!("{}-2026-11-22", usage.first_name());
    for usage in Use::ALL {
        let expected = format!("{}:published {}:active", named(usage), usage.first_name());
        assert_eq!(steps(&both, usage), expected);
        assert_eq!(mode(&at.join(format!("{}.key", named(usage)))), 0o600);
    }
    assert_eq!(mode(&at.join("keys.toml")), 0o600);
    // The one that signs is the first certificate, the one to encrypt to is the newest.
    assert_eq!(both.signing.fingerprint(), first.signing.fingerprint());
    assert_eq!(both.signing_certificates[0], first.signing_certificates[0]);
    assert_eq!(both.signing_certificates.len(), 2);
    assert_eq!(
        both.encryption_certificates[1],
        first.encryption_certificates[0]
    );
    assert_eq!(both.encryption_certificates.len(), 2);
    assert_eq!(both.decryption.len(), 2);
    assert_eq!(both.jwt.kid(), first.jwt.kid());
    assert_eq!(both.jwt_published.len(), 1);

    for usage in Use::ALL {
        step(&settings, usage, Command::Promote { force: false }).unwrap();
    }
    let after = open_keys(&settings, now()).unwrap();
    assert_ne!(after.signing.fingerprint(), first.signing.fingerprint());
    assert_eq!(after.signing_certificates[1], first.signing_certificates[0]);
    assert_eq!(
        after.encryption_certificates,
        [both.encryption_certificates[0].clone()]
    );
    assert_eq!(after.decryption.len(), 2);
    assert_eq!(after.jwt.kid(), both.jwt_published[0].kid());
    assert_eq!(after.jwt_published[0].kid(), first.jwt.kid());
    // Forms that are kept and codes that are out are sealed by the key of before.
    assert_eq!(after.seal.reveal(), first.seal.reveal());

    for usage in Use::ALL {
        step(
            &settings,
            usage,
            Command::Retire { name: None, force: false },
        )
        .unwrap();
    }
    let retired = open_keys(&settings, now()).unwrap();
    assert_eq!(retired.signing_certificates.len(), 1);
    assert_eq!(retired.decryption.len(), 2);
    assert!(retired.jwt_published.is_empty());
    let remove = |name: &str| Command::Remove { name: name.to_owned() };
    step(&settings, Use::Encryption, remove("sp-encryption")).unwrap();
    assert!(!at.join("sp-encryption.key").exists() && !at.join("sp-encryption.crt").exists());
    let last = open_keys(&settings, now()).unwrap();
    assert_eq!(last.decryption.len(), 1);
    assert!(
        last.made.is_empty() && last.warnings.is_empty(),
        "{:?}",
        last.warnings
    );
    assert_eq!(last.seal.reveal(), first.seal.reveal());
}

#[test]
fn two_nodes_that_want_the_same_at_once_do_it_once() {
    let folder = TempDir::new().unwrap();
    let settings = settings(folder.path());
    open_keys(&settings, now()).unwrap();
    let decide = |ring: &Ring| {
        let name = new_name(&settings, ring, now());
        let is_alone = ring.at(Step::Published).is_none();
        is_alone.then_some(Command::Rotate { name, held_back: false })
    };
    let done = std::thread::scope(|scope| {
        let node = || change(&settings, Use::Encryption, WAITS, decide, now()).unwrap();
        let nodes = [scope.spawn(node), scope.spawn(node)];
        nodes.map(|node| node.join().unwrap())
    });
    assert_eq!(done.iter().flatten().count(), 1);
    assert_eq!(open_keys(&settings, now()).unwrap().decryption.len(), 2);
}

#[test]
fn two_nodes_that_start_at_once_have_the_same_keys() {
    let folder = TempDir::new().unwrap();
    let settings = settings(folder.path());
    // Of somebody who was stopped.
    std::fs::write(folder.path().join("sp-signing.key.new"), "half").unwrap();
    let known = std::thread::scope(|scope| {
        let node = || open_keys(&settings, now()).unwrap().known;
        let nodes = [scope.spawn(node), scope.spawn(node), scope.spawn(node)];
        nodes.map(|node| node.join().unwrap())
    });
    assert!(known[0] == known[1] && known[1] == known[2]);
    for usage in Use::ALL {
        let key = folder.path().join(format!("{}.key", usage.first_name()));
        assert_eq!(mode(&key), 0o600);
    }
    assert!(!folder.path().join("sp-signing.key.new").exists());
}

#[test]
fn keys_that_vanish_while_the_gateway_runs_are_not_made_again() {
    let folder = TempDir::new().unwrap();
    let at = folder.path().join("certs");
    let settings = settings(&at);
    let first = open_keys(&settings, now()).unwrap();
    rotate(&settings, Use::Signing);
    let both = reopen_keys(&settings, &first.known).unwrap();
    let away = folder.path().join("away");
    std::fs::rename(at.join("keys.toml"), &away).unwrap();
    let refused = reopen_keys(&settings, &both.known);
    assert!(matches!(refused, Err(KeyFolderError::Vanished { .. })));
    std::fs::rename(&away, at.join("keys.toml")).unwrap();

    std::fs::rename(&at, &away).unwrap();
    assert!(reopen_keys(&settings, &both.known).is_err());
    assert!(!at.exists());
    // Mounted, and empty.
    std::fs::create_dir(&at).unwrap();
    for before in [&first.known, &both.known] {
        let refused = reopen_keys(&settings, before);
        assert!(matches!(refused, Err(KeyFolderError::Vanished { .. })));
    }
    assert_eq!(std::fs::read_dir(&at).unwrap().count(), 0);
    std::fs::remove_dir(&at).unwrap();
    std::fs::rename(&away, &at).unwrap();
    assert_eq!(
        reopen_keys(&settings, &both.known).unwrap().known,
        both.known
    );
}

#[test]
fn keys_that_somebody_put_there_decrypt_and_are_never_crowded_out() {
    let folder = TempDir::new().unwrap();
    let settings = settings(folder.path());
    open_keys(&settings, now()).unwrap();
    let own = folder.path().join("sp-encryption.key");
    for name in ["sp-encryption-a.key", "sp-encryption-b.key"] {
        std::fs::copy(&own, folder.path().join(name)).unwrap();
    }
    assert_eq!(open_keys(&settings, now()).unwrap().decryption.len(), 3);
    assert_eq!(own_decryption_keys(&settings).unwrap().len(), 3);
    let decide = |ring: &Ring| {
        Some(Command::Rotate { name: new_name(&settings, ring, now()), held_back: false })
    };
    let refused = change(&settings, Use::Encryption, WAITS, decide, now());
    assert!(matches!(
        refused,
        Err(KeyFolderError::TooMany { found: 4, .. })
    ));
    assert!(!folder.path().join("keys.toml").exists());
    let remove = Command::Remove { name: "sp-encryption-a".to_owned() };
    step(&settings, Use::Encryption, remove).unwrap();
    rotate(&settings, Use::Encryption);
    assert_eq!(open_keys(&settings, now()).unwrap().decryption.len(), 3);
}

#[test]
fn what_does_not_fit_together_is_said_and_nothing_is_made() {
    let folder = TempDir::new().unwrap();
    let settings = settings(folder.path());
    open_keys(&settings, now()).unwrap();
    rotate(&settings, Use::Signing);
    let manifest = folder.path().join("keys.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let refused = |text: &str, wanted: &str| {
        std::fs::write(&manifest, text).unwrap();
        let error = open_keys(&settings, now()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::ConfigValue);
        assert!(error.to_string().contains(wanted), "{error}");
    };
    refused(
        &text.replace("\"active\"", "\"retired\""),
        "not one is active",
    );
    refused(
        &text.replace("sp-signing-2026-11-22", "../elsewhere"),
        "nobody knows",
    );
    refused(
        &text.replace("sp-signing-2026-11-22", "sp-signing-x"),
        "sp-signing-x.key is missing",
    );
    refused(&text.replace("version = 1", "version = 2"), "of version 2");
    refused("half a", "keys.toml");
    std::fs::write(&manifest, &text).unwrap();
    std::fs::remove_file(folder.path().join("sp-signing.crt")).unwrap();
    assert!(matches!(
        open_keys(&settings, now()),
        Err(KeyFolderError::Half { .. })
    ));
}

#[test]
fn keys_that_others_can_read_or_that_nobody_named_are_mentioned() {
    let folder = TempDir::new().unwrap();
    let settings = settings(folder.path());
    open_keys(&settings, now()).unwrap();
    let key = folder.path().join("sp-signing.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::fs::copy(&key, folder.path().join("sp-signing-old.key")).unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let warnings = open_keys(&settings, now()).unwrap().warnings.join("\n");
    for wanted in [
        "chmod 700",
        "chmod 600",
        "sp-signing-old.key is used for nothing",
    ] {
        assert!(warnings.contains(wanted), "{warnings}");
    }
}

#[test]
fn keys_of_the_configuration_stand_in_for_files_and_are_changed_there() {
    let folder = TempDir::new().unwrap();
    let elsewhere = settings(folder.path());
    open_keys(&elsewhere, now()).unwrap();
    rotate(&elsewhere, Use::Signing);
    rotate(&elsewhere, Use::Encryption);
    let known = open_keys(&elsewhere, now()).unwrap();
    let text = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let pair = |name: &str| text(&format!("{name}.key")) + &text(&format!("{name}.crt"));
    let given = |pem: String| Some(Secret::new(pem));

    let own = TempDir::new().unwrap();
    let settings = KeySettings {
        given: GivenKeys {
            // The next one's certificate alone, and in front.
            signing: given(text("sp-signing-2026-11-22.crt") + &pair("sp-signing")),
            encryption: given(pair("sp-encryption") + &pair("sp-encryption-2026-11-22")),
            jwt: given(text("jwt-signing.key")),
        },
        ..settings(own.path())
    };
    let keys = open_keys(&settings, now()).unwrap();
    assert_eq!(keys.signing.fingerprint(), known.signing.fingerprint());
    assert_eq!(keys.signing_certificates, known.signing_certificates);
    assert_eq!(keys.encryption_certificates, known.encryption_certificates);
    assert_eq!(keys.decryption.len(), 2);
    assert_eq!(keys.jwt.kid(), known.jwt.kid());
    assert!(keys.made.is_empty());
    assert!(keys.ring(Use::Signing).is_none());
    let refused = step(&settings, Use::Signing, Command::Promote { force: true });
    assert!(matches!(
        refused,
        Err(KeyFolderError::NotOurs { usage: Use::Signing })
    ));

    let alone = KeySettings {
        given: GivenKeys {
            signing: given(text("sp-signing.key")),
            ..GivenKeys::default()
        },
        ..settings
    };
    let error = open_keys(&alone, now()).unwrap_err();
    assert!(
        error.to_string().starts_with("saml.signing_key: "),
        "{error}"
    );
}
