//! The vectors of the platform's own algorithm, and every way in which a signature can be wrong.

use proptest::prelude::*;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Vector {
    file: String,
    bytes: usize,
    token: String,
    signature: String,
    wrong_key_signature: String,
}

/// Two independent implementations agreed on these; the last is a published real delivery.
fn vectors() -> Vec<(Vector, Bytes)> {
    let list: Vec<Vector> =
        serde_json::from_str(include_str!("../../../tests/data/chatwork/signatures.json")).unwrap();
    let body = |file: &str| -> &'static [u8] {
        match file {
            "signed_a.json" => include_bytes!("../../../tests/data/chatwork/signed_a.json"),
            "signed_b.json" => include_bytes!("../../../tests/data/chatwork/signed_b.json"),
            "signed_c.json" => include_bytes!("../../../tests/data/chatwork/signed_c.json"),
            "signed_d.json" => include_bytes!("../../../tests/data/chatwork/signed_d.json"),
            "signed_e.json" => include_bytes!("../../../tests/data/chatwork/signed_e.json"),
            "signed_f.json" => include_bytes!("../../../tests/data/chatwork/signed_f.json"),
            "signed_g.json" => include_bytes!("../../../tests/data/chatwork/signed_g.json"),
            "signed_published.json" => include_bytes!("../../../tests/data/chatwork/signed_published.json"),
            other => panic!("no such vector: {other}"),
        }
    };
    list.into_iter().map(|it| (body(&it.file), it)).map(|(body, it)| (it, Bytes::from_static(body))).collect()
}

fn tokens(texts: &[&str]) -> Tokens {
    Tokens::new(texts.iter().map(|it| SecretString::from(*it)).collect()).unwrap()
}

fn one(text: &str) -> Presented<'_> {
    Presented::One(text.as_bytes())
}

const ABSENT: Presented<'_> = Presented::Absent;
const OTHER_TOKEN: &str = "/////////////////////////////////////////w8=";

#[test]
fn every_vector_verifies_by_header_by_query_and_by_both() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 8);
    for (vector, body) in vectors {
        assert_eq!(body.len(), vector.bytes, "{}: stored byte-exact", vector.file);
        let tokens = tokens(&[&vector.token]);
        let good = vector.signature.as_str();
        let as_space = good.replace('+', " ");
        for (header, query) in [
            (one(good), ABSENT),
            (ABSENT, one(good)),
            (ABSENT, one(&as_space)),
            (one(good), one(good)),
            (one(good), one(&as_space)),
        ] {
            let verified = tokens.verify(body.clone(), header, query).unwrap();
            assert_eq!((verified.body(), verified.signature(), verified.token_n()), (&body, good, 0));
            assert_eq!(verified.into_parts(), (body.clone(), good.to_owned(), 0));
        }
        let refused = tokens.verify(body.clone(), one(&vector.wrong_key_signature), ABSENT);
        assert_eq!(refused.unwrap_err(), Rejection::Mismatch, "the token's text is not the key");
    }
}

#[test]
fn one_changed_byte_is_refused() {
    let (vector, body) = vectors().swap_remove(3);
    let tokens = tokens(&[&vector.token]);
    let mut others =
        vec![[&body[..], b"\n"].concat(), [b"\xef\xbb\xbf", &body[..]].concat(), body[1..].to_vec()];
    for at in 0..body.len() {
        let mut other = body.to_vec();
        other[at] ^= 1;
        others.push(other);
    }
    for other in others {
        let refused = tokens.verify(other.into(), one(&vector.signature), ABSENT);
        assert_eq!(refused.unwrap_err(), Rejection::Mismatch);
    }
}

#[test]
fn refusals_say_what_is_wrong() {
    let (vector, body) = vectors().swap_remove(2);
    let good = vector.signature.as_str();
    let tokens = tokens(&[&vector.token]);
    let verify =
        |header: Presented<'_>, query: Presented<'_>| tokens.verify(body.clone(), header, query).unwrap_err();

    assert_eq!(verify(ABSENT, ABSENT), Rejection::Missing);
    assert_eq!(verify(one(good), one(&vector.wrong_key_signature)), Rejection::Disagree);
    assert_eq!(verify(one(&vector.wrong_key_signature), one(good)), Rejection::Disagree);
    assert_eq!(verify(Presented::Malformed, one(good)), Rejection::Malformed);
    assert_eq!(verify(one(good), Presented::Malformed), Rejection::Malformed);

    let hex = "70".repeat(32);
    let spaced = good.replace('+', " ");
    // 44 characters whose last digit has bits that decode to nothing.
    let loose = format!("{}B=", &good[..42]);
    let unpadded = good.trim_end_matches('=');
    let url_safe = good.replace('+', "-").replace('/', "_");
    for bad in [
        "",
        "=",
        &hex,
        &spaced,
        &loose,
        unpadded,
        &url_safe,
        &format!(" {good}"),
        &format!("{good}\n"),
        &format!("{good}="),
        &good[..43],
        &format!("{}{good}", &good[..4]),
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g",
        "あああああああああああああああ",
    ] {
        assert_eq!(verify(one(bad), ABSENT), Rejection::Malformed, "{bad}");
        assert_eq!(verify(one(bad), one(good)), Rejection::Malformed, "{bad}");
    }
    assert_eq!(verify(ABSENT, one("%2B")), Rejection::Malformed);

    let none = Tokens::new(Vec::new()).unwrap();
    assert_eq!(none.verify(body.clone(), one(good), ABSENT).unwrap_err(), Rejection::NoTokens);
}

#[test]
fn a_name_that_stands_twice_is_malformed_even_if_both_agree() {
    let good: &[u8] = b"cENFvcjH10iJiZHAQs3IQZ9cVF26QwXr20F0fnuJ+OA=";
    assert!(matches!(Presented::from_all([]), Presented::Absent));
    assert!(matches!(Presented::from_all([good]), Presented::One(it) if it == good));
    assert!(matches!(Presented::from_all([good, good]), Presented::Malformed));
}

#[test]
fn each_of_several_tokens_counts_and_is_named_by_its_place() {
    for (vector, body) in vectors() {
        for (n, texts) in [[vector.token.as_str(), OTHER_TOKEN], [OTHER_TOKEN, vector.token.as_str()]]
            .into_iter()
            .enumerate()
        {
            let verified = tokens(&texts).verify(body.clone(), one(&vector.signature), ABSENT).unwrap();
            assert_eq!(verified.token_n(), n);
        }
        let refused = tokens(&[OTHER_TOKEN]).verify(body, one(&vector.signature), ABSENT);
        assert_eq!(refused.unwrap_err(), Rejection::Mismatch);
    }
}

#[test]
fn unusable_tokens_are_refused_by_place_and_never_shown() {
    let good = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let new = |bad: &str| {
        Tokens::new([good, bad].into_iter().map(SecretString::from).collect()).map(|_| ()).unwrap_err()
    };
    for bad in [
        "secretsecret!",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        &format!("{good}\n"),
        &format!(" {good}"),
    ] {
        assert_eq!(new(bad), TokenError::NotBase64 { position: 2 }, "{bad}");
    }
    assert_eq!(new(""), TokenError::Length { position: 2, bytes: 0 });
    let error = new("c2VjcmV0c2VjcmV0");
    assert_eq!(error, TokenError::Length { position: 2, bytes: 12 });
    assert!(!error.to_string().contains("c2Vj"));
    assert_eq!(format!("{:?}", tokens(&[good])), "Tokens { count: 1 }");
}

#[test]
fn a_verified_body_prints_lengths_only() {
    let (vector, body) = vectors().swap_remove(3);
    let verified = tokens(&[&vector.token]).verify(body, one(&vector.signature), ABSENT).unwrap();
    assert_eq!(format!("{verified:?}"), "VerifiedBody { body_bytes: 292, token_n: 0, .. }");
}

proptest! {
    #[test]
    fn whatever_is_presented_is_refused_quietly(
        header in prop::collection::vec(any::<u8>(), 0..60),
        query in "[A-Za-z0-9+/ ]{43}=",
        body in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let tokens = tokens(&[OTHER_TOKEN]);
        prop_assert!(tokens.verify(body.clone().into(), Presented::One(&header), ABSENT).is_err());
        prop_assert!(tokens.verify(body.into(), ABSENT, one(&query)).is_err());
    }
}
