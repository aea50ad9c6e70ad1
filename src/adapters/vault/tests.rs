//! Sealing against published vectors and an independent program, and the places of keys on real files.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use base64::engine::general_purpose::STANDARD;

use super::{
    key_file::{Kept, KeyFile},
    passphrase::{Wrapped, Wrong},
    place::{Hidden, Source},
    *,
};

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn counting() -> Key {
    Key::new(std::array::from_fn(|at| at as u8))
}

fn keys(versions: &[u32]) -> Keys {
    versions.iter().map(|version| (*version, Key::new([*version as u8; KEY_BYTES]))).collect()
}

fn master(versions: &[u32]) -> MasterKey {
    MasterKey::of(keys(versions), None)
}

fn place(path: &Path, source: Source) -> Place {
    Place { path: path.to_owned(), source }
}

fn passphrase(text: &str) -> Source {
    Source::Passphrase(Hidden::new(text.into()))
}

/// Test cases 14 and 16 of the specification of GCM, which NIST's own vectors for 256 bit repeat.
#[test]
fn the_cipher_is_the_one_of_the_published_vectors() {
    let zero = MasterKey::of(Keys::from([(1, Key::new([0; KEY_BYTES]))]), None);
    let ours = |parts: &str| format!("1.{}", URL_SAFE_NO_PAD.encode(hex(parts)));
    let known = "000000000000000000000000cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919";
    assert_eq!(zero.unseal("", &ours(known)).unwrap(), [0; 16]);
    let empty = "000000000000000000000000530f8afbc74536b9a963b4f1c4cb738b";
    assert_eq!(zero.unseal("", &ours(empty)).unwrap(), [0; 0]);

    let key = hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
    let key = Key::new(key.try_into().unwrap());
    let text = hex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
    );
    let sealed = hex(
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b",
    );
    let (aad, nonce) = (hex("feedfacedeadbeeffeedfacedeadbeefabaddad2"), hex("cafebabefacedbaddecaf888"));
    let nonce: [u8; NONCE_BYTES] = nonce.try_into().unwrap();
    assert_eq!(cipher(&key).encrypt(&nonce.into(), Payload { msg: &text, aad: &aad }).unwrap(), sealed);
}

/// RFC 9106, section 5.3.
#[test]
fn the_passphrase_is_worked_on_as_the_rfc_has_it() {
    use argon2::{Algorithm, Argon2, AssociatedData, ParamsBuilder, Version};
    let mut parameters = ParamsBuilder::new();
    parameters.m_cost(32).t_cost(3).p_cost(4).data(AssociatedData::new(&[4; 12]).unwrap());
    let secret = [3; 8];
    let argon2 = Argon2::new_with_secret(&secret, Algorithm::Argon2id, Version::V0x13, parameters.build().unwrap()).unwrap();
    let mut tag = [0; 32];
    argon2.hash_password_into(&[1; 32], &[2; 16], &mut tag).unwrap();
    assert_eq!(tag.to_vec(), hex("0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"));
}

/// Made by another program (Python: hmac, cryptography 48, argon2-cffi): what is on disk stays readable for ever.
#[test]
fn what_is_stored_is_what_another_program_makes_of_it() {
    let vault = MasterKey::of(Keys::from([(7, counting())]), None);
    let sealed = "7.KUexoMKVxMeswSci550HGMRDTdRS43DuNGcZ79u0wrx8Eb0Bm94z";
    assert_eq!(vault.seal("default/webhook/1/secret", b"tea at four").unwrap(), sealed);
    assert_eq!(vault.unseal("default/webhook/1/secret", sealed).unwrap(), b"tea at four");
    let derived = hex("3f1d5ef752f84c57c5f7e4e179949cb4f337aef6bd110813169c8069782336fd");
    assert_eq!(vault.derive("live").unwrap().to_vec(), derived);
    assert_eq!(vault.held()[&7].to_vec(), hex("cdb3f21f322fe09db800ffc89e0f69d3"));
    let line = "7 argon2id m=65536,t=3,p=1 BQUFBQUFBQUFBQUFBQUFBQ== BgYGBgYGBgYGBgYGhjDPymp290KJrPD+8NXw3FmrNqIzZBxfLdM1oFKCyqRm+a1xImEdUNMDHXz2l3aN";
    let file = KeyFile::parse(line).unwrap();
    let Some(Kept::Passphrase(wrapped)) = file.0.get(&7) else { panic!("wrapped") };
    assert!(wrapped.unwrap("correct horse battery", 7) == Ok(counting()));
    assert_eq!(file.render().trim_end(), line);
}

#[test]
fn nothing_opens_that_was_changed_by_one_bit_or_stands_elsewhere() {
    let vault = master(&[1, 2]);
    let sealed = vault.seal("here", b"tea at four, and nobody else shall know").unwrap();
    let (version, text) = sealed.split_once('.').unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(text).unwrap();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            let changed = format!("{version}.{}", URL_SAFE_NO_PAD.encode(changed));
            assert!(matches!(vault.unseal("here", &changed), Err(VaultError::Unsealable)), "byte {at}, bit {bit}");
        }
    }
    for length in 0..bytes.len() {
        let cut = format!("{version}.{}", URL_SAFE_NO_PAD.encode(&bytes[..length]));
        assert!(vault.unseal("here", &cut).is_err(), "{length} bytes");
    }
    for place in ["", "her", "here ", "there", "Here"] {
        assert!(matches!(vault.unseal(place, &sealed), Err(VaultError::Unsealable)), "{place}");
    }
    assert!(matches!(vault.unseal("here", &format!("1.{text}")), Err(VaultError::Unsealable)), "another version's key");
    assert!(matches!(vault.unseal("here", &format!("3.{text}")), Err(VaultError::NoSuchVersion(3))));
    for strange in ["", ".", "2", "2.", "2.*", "-2.AAAA", "x.AAAA"] {
        assert!(vault.unseal("here", strange).is_err(), "{strange:?}");
    }
    assert!(matches!(MasterKey::absent().unseal("here", &sealed), Err(VaultError::NoKey)));
}

#[test]
fn a_nonce_serves_one_text_at_one_place() {
    let vault = master(&[1]);
    let mut nonces = std::collections::BTreeSet::new();
    for place in 0..100 {
        for text in 0..100 {
            let sealed = vault.seal(&format!("place {place}"), format!("text {text}").as_bytes()).unwrap();
            let bytes = URL_SAFE_NO_PAD.decode(sealed.split_once('.').unwrap().1).unwrap();
            assert!(nonces.insert(bytes[..NONCE_BYTES].to_vec()), "{place} {text}");
        }
    }
    // What is cut between place and text at another letter is another message.
    assert_ne!(vault.seal("ab", b"c").unwrap(), vault.seal("a", b"bc").unwrap());
}

#[test]
fn the_active_version_seals_others_open_and_destroyed_ones_do_nothing() {
    let vault = master(&[1, 2, 3]);
    assert!(vault.seal("here", b"tea").unwrap().starts_with("3."));
    vault.follow(2, BTreeSet::new());
    let (sealed, derived) = (vault.seal("here", b"tea").unwrap(), vault.derive("x").unwrap());
    assert!(sealed.starts_with("2."));
    vault.follow(3, BTreeSet::new());
    assert_eq!(vault.unseal("here", &sealed).unwrap(), b"tea");
    assert!(vault.derive_all("x").unwrap().contains(&derived) && vault.derive("x").unwrap() != derived);
    vault.follow(3, [2].into());
    assert!(matches!(vault.unseal("here", &sealed), Err(VaultError::NoSuchVersion(2))));
    vault.follow(4, BTreeSet::new());
    assert!(matches!(vault.seal("here", b"tea"), Err(VaultError::NoSuchVersion(4))), "nobody else could open it");
}

#[tokio::test]
async fn a_file_is_made_once_for_its_owner_alone_and_refused_when_others_may_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    let place = place(&path, Source::File);
    assert!(MasterKey::open(place.clone()).await.unwrap().is_none());
    assert!(place.make().await.unwrap() && !place.make().await.unwrap());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    let sealed = MasterKey::open(place.clone()).await.unwrap().unwrap().seal("here", b"tea").unwrap();
    assert_eq!(MasterKey::open(place.clone()).await.unwrap().unwrap().unseal("here", &sealed).unwrap(), b"tea");
    for mode in [0o640, 0o604, 0o660, 0o700 | 0o010] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let said = place.read().await.unwrap_err().to_string();
        assert!(said.contains(&format!("chmod 600 {}", path.display())), "{said}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    assert!(place.read().await.is_ok(), "stricter is well");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left there");
}

#[test]
fn a_file_is_understood_whole_or_refused_with_its_line() {
    let key = STANDARD.encode([1; KEY_BYTES]);
    let file = KeyFile::parse(&format!("1 {key}\n\n  2\t{key}  \n3 transit brain vault:v1:abc\n")).unwrap();
    assert_eq!(file.0.keys().copied().collect::<Vec<_>>(), [1, 2, 3]);
    assert!(KeyFile::parse(&file.render()) == Ok(file));
    for (text, line) in [
        (String::new(), 1),
        ("nonsense".to_owned(), 1),
        (format!("1 {key}\n1 {key}"), 2),
        (format!("0 {key}"), 1),
        (format!("1 {key}\n2 {}", STANDARD.encode([1; 31])), 2),
        (format!("1 {key} x"), 1),
        ("1 argon2id m=1024,t=3,p=1 AAAA AAAA".to_owned(), 1),
        ("1 argon2id m=65536,t=3,p=1,q=1 AAAA AAAA".to_owned(), 1),
        ("1 argon2id m=99999999,t=3,p=1 AAAA AAAA".to_owned(), 1),
        (format!("{key}\n"), 1),
    ] {
        let (at, why) = KeyFile::parse(&text).err().unwrap();
        assert!(at == line && !why.contains(&key), "{text}: {at} {why}");
    }
}

#[test]
fn a_passphrase_opens_its_own_line_and_version_only() {
    let wrapped = Wrapped::wrap("correct horse battery", 3, &counting());
    assert!(wrapped.unwrap("correct horse battery", 3) == Ok(counting()));
    assert!(wrapped.unwrap("correct horse batterz", 3) == Err(Wrong), "another passphrase");
    assert!(wrapped.unwrap("correct horse battery", 2) == Err(Wrong), "another version");
    let rendered = wrapped.render();
    let words: Vec<&str> = rendered.split(' ').collect();
    assert_eq!(words[0], "m=65536,t=3,p=1");
    let salt = STANDARD.encode([9; 16]);
    for changed in [Wrapped::parse("m=65536,t=4,p=1", words[1], words[2]), Wrapped::parse(words[0], &salt, words[2])] {
        assert!(changed.unwrap().unwrap("correct horse battery", 3) == Err(Wrong));
    }
    assert_ne!(Wrapped::wrap("correct horse battery", 3, &counting()).render(), rendered, "salt and nonce are new each time");
}

#[tokio::test]
async fn a_variable_is_a_key_or_the_text_of_a_file() {
    let key = STANDARD.encode([1; KEY_BYTES]);
    let read = |text: String| {
        let place = place(Path::new("/nonexistent"), Source::Variable(Hidden::new(text)));
        async move { place.read().await.map(|keys| keys.unwrap()) }
    };
    assert!(read(key.clone()).await.unwrap() == keys(&[1]));
    assert!(read(format!("  {key}\n")).await.unwrap() == keys(&[1]));
    assert_eq!(read(format!("2 {key}\n1 {key}")).await.unwrap().len(), 2);
    for strange in [String::new(), "short".into(), format!("{key}{key}"), "1 transit brain vault:v1:abc".into()] {
        let said = read(strange.clone()).await.err().unwrap().to_string();
        assert!(said.contains("BRAIN_MASTER_KEY") && (strange.is_empty() || !said.contains(&strange)), "{said}");
    }
    let place = place(Path::new("/nonexistent"), Source::Variable(Hidden::new(key.clone())));
    let said = place.next(1).await.unwrap_err().to_string();
    assert!(said.contains("add the line  2 ") && !said.contains(&key), "{said}");
    assert!(!format!("{:?}", Hidden::new(key.clone())).contains(&key));
}

#[tokio::test]
async fn a_file_moves_under_a_passphrase_and_back_and_its_keys_stay() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    let (plain, under) = (place(&path, Source::File), place(&path, passphrase("correct horse battery")));
    plain.make().await.unwrap();
    assert_eq!((plain.next(1).await.unwrap(), plain.next(1).await.unwrap()), (2, 2), "a version that was made is taken first");
    let before = plain.read().await.unwrap().unwrap();
    assert_eq!(plain.protect(&under).await.unwrap(), 2);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.lines().count() == 2 && text.lines().all(|line| line.contains(" argon2id m=65536,t=3,p=1 ")), "{text}");
    assert!(before.values().all(|key| !text.contains(&STANDARD.encode(key.as_slice()))));
    assert!(under.read().await.unwrap().unwrap() == before);
    let said = plain.read().await.unwrap_err().to_string();
    assert!(said.contains("under a passphrase") && said.contains("BRAIN_MASTER_PASSPHRASE_FILE"), "{said}");
    let said = place(&path, passphrase("another one entirely")).read().await.unwrap_err().to_string();
    assert!(said.contains("does not open version 1"), "{said}");
    assert_eq!(under.next(2).await.unwrap(), 3);
    under.remove(1).await.unwrap();
    under.protect(&plain).await.unwrap();
    let after = plain.read().await.unwrap().unwrap();
    assert!(after.keys().copied().eq([2, 3]) && after[&2] == before[&2]);
    let said = under.read().await.unwrap_err().to_string();
    assert!(said.contains("in clear") && said.contains("brain vault protect"), "{said}");
    let names: Vec<PathBuf> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().ends_with(".new")), "{names:?}");
}

/// A crash leaves the old file or the new one; what lies beside it is no key and stands in nobody's way.
#[tokio::test]
async fn what_a_crash_leaves_beside_the_file_is_taken_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    let place = place(&path, Source::File);
    place.make().await.unwrap();
    fs::write(folder.path().join("master.key.new"), "1 half of a li").unwrap();
    let before = place.read().await.unwrap().unwrap();
    assert_eq!(place.next(1).await.unwrap(), 2);
    assert!(place.read().await.unwrap().unwrap()[&1] == before[&1]);
    let (one, other) = tokio::join!(place.next(2), place.next(2));
    assert_eq!((one.unwrap(), other.unwrap()), (3, 3), "two at a time make one");
}
