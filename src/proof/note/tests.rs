//! Notes against the example of the specification and against another implementation.

use proptest::prelude::*;
use signed_note::{Note, StandardSigner, StandardVerifier, VerifierList};

use super::*;

const TEXT: &str = "karibarai/test\n1\nAAAA\n";

fn signer() -> Signer {
    Signer::from_seed("karibarai/test", &[7; 32]).unwrap()
}

/// The note of the documentation of `golang.org/x/mod/sumdb/note`.
#[test]
fn the_example_of_the_reference_opens_and_is_signed_alike() {
    let note = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\
        \n\
        — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    let vkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    let verifier = Verifier::parse(vkey).unwrap();
    assert_eq!(verifier.to_string(), vkey);
    let text = verifier.open(note).unwrap();
    assert!(text.ends_with("problem is.\n"));

    let key = BASE64_STANDARD.decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz").unwrap();
    let signer = Signer::from_seed("PeterNeumann", &key[1..].try_into().unwrap()).unwrap();
    assert_eq!(signer.verifier(), &verifier);
    assert_eq!(signer.sign(text).unwrap(), note);
}

#[test]
fn every_changed_byte_is_refused() {
    let signer = signer();
    let note = signer.sign(TEXT).unwrap();
    assert_eq!(signer.verifier().open(&note), Ok(TEXT));
    for at in 0..note.len() {
        for flip in [1, 0x20, 0x80] {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= flip;
            if let Ok(other) = String::from_utf8(bytes) {
                assert!(signer.verifier().open(&other).is_err(), "byte {at}");
            }
        }
    }
    for cut in 0..note.len() {
        if let Some(part) = note.get(..cut) {
            assert!(signer.verifier().open(part).is_err());
        }
    }
}

#[test]
fn other_signatures_are_ignored_only_when_well_formed() {
    let signer = signer();
    let note = signer.sign(TEXT).unwrap();
    let open = |note: String| signer.verifier().open(&note).map(str::to_owned);
    assert_eq!(open(format!("{note}— witness AAAAAAE=\n")), Ok(TEXT.to_owned()));
    assert_eq!(open(format!("{note}— witness AAAAAA==\n")), Err(NoteError::Shape));
    assert_eq!(open(format!("{note}— witness AAAAAAF=\n")), Err(NoteError::Shape));
    assert_eq!(open(format!("{note}- witness AAAAAAE=\n")), Err(NoteError::Shape));
    assert_eq!(open(format!("{note}— wit+ness AAAAAAE=\n")), Err(NoteError::Shape));
    assert_eq!(open(format!("{note}\n")), Err(NoteError::Shape));
    assert_eq!(open(format!("{TEXT}\n— witness AAAAAAE=\n")), Err(NoteError::Unsigned));
    assert_eq!(open(note.replace('\n', "\r\n")), Err(NoteError::Shape));
    assert_eq!(open("x".repeat(MAX_NOTE_LEN + 1)), Err(NoteError::TooLarge));
    assert_eq!(open(note.clone() + &"— witness AAAAAAE=\n".repeat(MAX_SIGNATURES)), Err(NoteError::TooLarge));

    let other = Signer::from_seed("karibarai/test", &[8; 32]).unwrap();
    assert_eq!(other.verifier().open(&note), Err(NoteError::Unsigned));
    let renamed = Signer::from_seed("karibarai/other", &[7; 32]).unwrap();
    assert_eq!(renamed.verifier().open(&note), Err(NoteError::Unsigned));
}

#[test]
fn bad_names_texts_and_keys_are_refused() {
    for name in ["", "a b", "a+b", "a\nb", "a\u{3000}b", "a\0"] {
        assert_eq!(Signer::from_seed(name, &[7; 32]).err(), Some(NoteError::Name));
    }
    for text in ["", "no newline", "tab\there\n", "nul\0\n"] {
        assert_eq!(signer().sign(text), Err(NoteError::Shape));
    }
    assert_eq!(signer().sign(&format!("{}\n", "x".repeat(MAX_NOTE_LEN))), Err(NoteError::TooLarge));
    let good = signer().verifier().to_string();
    assert!(Verifier::parse(&good).is_ok());
    let (name, rest) = good.split_once('+').unwrap();
    let (id, key) = rest.split_once('+').unwrap();
    for bad in [
        String::new(),
        format!("{good}\n"),
        format!("{good}="),
        format!("other+{id}+{key}"),
        format!("{name}+{}+{key}", id.to_uppercase()),
        format!("{name}+00000000+{key}"),
        format!("{name}+{id}+"),
        format!("{name}+{id}+{}", key.replacen("Ae", "Au", 1)),
    ] {
        assert!(Verifier::parse(&bad).is_err(), "{bad}");
    }
    // The neutral point: any text has a fitting signature.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    assert_eq!(Verifier::new("a", &neutral), Err(NoteError::Key));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn another_implementation_agrees(
        seed in any::<[u8; 32]>(),
        name in "[a-z/.0-9]{1,20}",
        text in "([ -~あ-ん]{0,20}\n){1,5}",
    ) {
        let ours = Signer::from_seed(&name, &seed).unwrap();
        let note = ours.sign(&text).unwrap();
        let vkey = ours.verifier().to_string();
        prop_assert_eq!(ours.verifier().open(&note), Ok(text.as_str()));

        let verifier = StandardVerifier::new(&vkey).unwrap();
        let theirs = Note::from_bytes(note.as_bytes()).unwrap();
        prop_assert_eq!(theirs.text(), text.as_bytes());
        prop_assert!(theirs.verify(&VerifierList::new(vec![Box::new(verifier)])).is_ok());

        let mut key = vec![ED25519];
        key.extend(seed);
        let id = vkey.split('+').nth(1).unwrap();
        let skey = format!("PRIVATE+KEY+{name}+{id}+{}", BASE64_STANDARD.encode(key));
        let mut theirs = Note::new(text.as_bytes(), &[]).unwrap();
        theirs.add_sigs(&[&StandardSigner::new(&skey).unwrap()]).unwrap();
        prop_assert_eq!(theirs.to_bytes(), note.into_bytes());
    }

    #[test]
    fn any_text_is_refused_without_a_panic(note in ".{0,200}", lines in "(\\PC{0,30}\n){0,6}") {
        let _ = signer().verifier().open(&note);
        let _ = signer().verifier().open(&lines);
        let _ = Verifier::parse(&note);
    }
}
