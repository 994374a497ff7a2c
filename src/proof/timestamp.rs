//! RFC 3161 time stamps: the request, and everything that is checked of an answer.

use cms::cert::CertificateChoices;
use cms::signed_data::{SignedData, SignerIdentifier, SignerInfo};
use der::asn1::{Any, Int, ObjectIdentifier, OctetString};
use der::{Decode, Encode};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_tsp::{MessageImprint, TimeStampReq, TimeStampResp, TspVersion, TstInfo};

use crate::domain::{Digest, UtcMillis, hex};

/// Largest answer of an authority that is read.
pub const MAX_RESPONSE: usize = 64 * 1024;

const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const SHA_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const SHA_512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const ORGANIZATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");
/// id-kp-timeStamping, the bytes of the OID 1.3.6.1.5.5.7.3.8.
const TIME_STAMPING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 8];

/// Why an answer is no time stamp over what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    #[error("the answer is not a time stamp of RFC 3161")]
    Shape,
    #[error("the authority refused")]
    Refused,
    #[error("the time stamp is over something else")]
    Imprint,
    #[error("the answer is not one to this request")]
    Nonce,
    #[error("the time stamp does not carry the certificate of its signer")]
    Signer,
    #[error("the signature of the time stamp does not fit")]
    Signature,
    #[error(
        "the certificate does not lead to a root that is trusted for this, or is not one for time stamps"
    )]
    Chain,
}

/// Certificates that a chain may end at.
pub struct Roots {
    anchors: Vec<TrustAnchor<'static>>,
}

impl Roots {
    /// The public roots that are compiled in.
    pub fn public() -> Self {
        let anchors = webpki_root_certs::TLS_SERVER_ROOT_CERTS
            .iter()
            .filter_map(|it| Some(anchor_from_trusted_cert(it).ok()?.to_owned()))
            .collect();
        Self { anchors }
    }

    pub fn none() -> Self {
        Self { anchors: Vec::new() }
    }

    /// Adds the certificates of a PEM text; `None` where there is none that can be read.
    pub fn with_pem(mut self, pem: &[u8]) -> Option<Self> {
        let before = self.anchors.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            self.anchors.push(anchor_from_trusted_cert(&certificate.ok()?).ok()?.to_owned());
        }
        (self.anchors.len() > before).then_some(self)
    }
}

/// A time stamp that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub at: UtcMillis,
    /// Common name, else organisation, of the signer's certificate.
    pub authority: String,
    /// SHA-256 of the signer's certificate, hexadecimal.
    pub certificate: String,
}

/// The request for a stamp over a SHA-256, with the certificates wanted in the answer. `nonce` is not all zeros.
pub fn request(imprint: &Digest, nonce: &[u8; 16]) -> Result<Vec<u8>, TimestampError> {
    let message_imprint = imprint_of(imprint).ok_or(TimestampError::Shape)?;
    let nonce = Some(integer(nonce).ok_or(TimestampError::Shape)?);
    let request = TimeStampReq {
        version: TspVersion::V1,
        message_imprint,
        req_policy: None,
        nonce,
        cert_req: true,
        extensions: None,
    };
    request.to_der().map_err(|_| TimestampError::Shape)
}

fn imprint_of(imprint: &Digest) -> Option<MessageImprint> {
    let null = Any::from_der(&[5, 0]).ok()?;
    let hash_algorithm = cms::cert::x509::spki::AlgorithmIdentifier { oid: SHA_256, parameters: Some(null) };
    Some(MessageImprint { hash_algorithm, hashed_message: OctetString::new(imprint.as_slice()).ok()? })
}

/// A positive number of 15 bytes: the first bit of a DER integer is its sign.
fn integer(bytes: &[u8; 16]) -> Option<Int> {
    let mut bytes = *bytes;
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Int::new(&bytes).ok()
}

/// Checks the whole answer as it was stored. With `nonce` it must be the answer to that request; the chain is checked at the
/// time of the stamp.
pub fn check(
    response: &[u8],
    imprint: &Digest,
    nonce: Option<&[u8; 16]>,
    roots: &Roots,
) -> Result<Stamp, TimestampError> {
    let (signed, info) = open(response)?;
    if info.message_imprint.hash_algorithm.oid != SHA_256
        || info.message_imprint.hashed_message.as_bytes() != imprint
    {
        return Err(TimestampError::Imprint);
    }
    if nonce.is_some_and(|it| info.nonce != integer(it)) {
        return Err(TimestampError::Nonce);
    }
    let signers = signed.signer_infos.0.as_slice();
    let [signer] = signers else { return Err(TimestampError::Shape) };
    let certificates = certificates(&signed)?;
    let own = certificates.iter().position(|it| is_signer(it, &signer.sid)).ok_or(TimestampError::Signer)?;
    let certificate = &certificates[own];
    let encoded: Vec<CertificateDer<'_>> = certificates
        .iter()
        .map(|it| it.to_der().map(CertificateDer::from))
        .collect::<Result<_, _>>()
        .map_err(|_| TimestampError::Shape)?;
    let end = EndEntityCert::try_from(&encoded[own]).map_err(|_| TimestampError::Signer)?;
    check_signature(&signed, signer, &end)?;
    let seconds = info.gen_time.to_unix_duration().as_secs();
    end.verify_for_usage(
        ALL_VERIFICATION_ALGS,
        &roots.anchors,
        &encoded,
        UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds)),
        KeyUsage::required(TIME_STAMPING),
        None,
        None,
    )
    .map_err(|_| TimestampError::Chain)?;
    let subject = &certificate.tbs_certificate.subject;
    Ok(Stamp {
        at: UtcMillis::from_seconds(i64::try_from(seconds).unwrap_or(i64::MAX)),
        authority: name_of(subject),
        certificate: hex(&Sha256::digest(&encoded[own])),
    })
}

/// The certificates that an answer carries, as PEM, for those who check with other programs.
pub fn chain_pem(response: &[u8]) -> Result<String, TimestampError> {
    use der::EncodePem as _;
    let (signed, _) = open(response)?;
    certificates(&signed)?
        .iter()
        .map(|it| it.to_pem(der::pem::LineEnding::LF).map_err(|_| TimestampError::Shape))
        .collect()
}

/// The time that an answer names, unchecked.
pub fn claimed_time(response: &[u8]) -> Result<UtcMillis, TimestampError> {
    let (_, info) = open(response)?;
    Ok(UtcMillis::from_seconds(i64::try_from(info.gen_time.to_unix_duration().as_secs()).unwrap_or(i64::MAX)))
}

fn open(response: &[u8]) -> Result<(SignedData, TstInfo), TimestampError> {
    let shape = |_: der::Error| TimestampError::Shape;
    let response = TimeStampResp::from_der(response).map_err(shape)?;
    // Granted, or granted with modifications.
    if response.status.status as u32 > 1 {
        return Err(TimestampError::Refused);
    }
    let token = response.time_stamp_token.ok_or(TimestampError::Refused)?;
    if token.content_type != SIGNED_DATA {
        return Err(TimestampError::Shape);
    }
    let signed: SignedData = token.content.decode_as().map_err(shape)?;
    if signed.encap_content_info.econtent_type != TST_INFO {
        return Err(TimestampError::Shape);
    }
    let info = TstInfo::from_der(&content(&signed)?).map_err(shape)?;
    Ok((signed, info))
}

/// The bytes that the message digest is over.
fn content(signed: &SignedData) -> Result<Vec<u8>, TimestampError> {
    let content = signed.encap_content_info.econtent.as_ref().ok_or(TimestampError::Shape)?;
    let octets: OctetString = content.decode_as().map_err(|_| TimestampError::Shape)?;
    Ok(octets.into_bytes())
}

fn certificates(signed: &SignedData) -> Result<Vec<cms::cert::x509::Certificate>, TimestampError> {
    let set = signed.certificates.as_ref().ok_or(TimestampError::Signer)?;
    let plain = |it: &CertificateChoices| match it {
        CertificateChoices::Certificate(it) => Some(it.clone()),
        CertificateChoices::Other(_) => None,
    };
    Ok(set.0.iter().filter_map(plain).collect())
}

fn is_signer(certificate: &cms::cert::x509::Certificate, sid: &SignerIdentifier) -> bool {
    let tbs = &certificate.tbs_certificate;
    match sid {
        SignerIdentifier::IssuerAndSerialNumber(it) => {
            tbs.issuer == it.issuer && tbs.serial_number == it.serial_number
        }
        SignerIdentifier::SubjectKeyIdentifier(it) => tbs
            .get::<cms::cert::x509::ext::pkix::SubjectKeyIdentifier>()
            .is_ok_and(|found| found.is_some_and(|(_, own)| own == *it)),
    }
}

/// RFC 5652 section 5.4: the signature is over the signed attributes, one of which is the digest of the content.
fn check_signature(
    signed: &SignedData,
    signer: &SignerInfo,
    certificate: &EndEntityCert<'_>,
) -> Result<(), TimestampError> {
    let attributes = signer.signed_attrs.as_ref().ok_or(TimestampError::Signature)?;
    let value = |oid: ObjectIdentifier| {
        let mut found = attributes.iter().filter(|it| it.oid == oid);
        match (found.next(), found.next()) {
            (Some(attribute), None) if attribute.values.len() == 1 => attribute.values.get(0),
            _ => None,
        }
    };
    let kind: Option<ObjectIdentifier> = value(CONTENT_TYPE).and_then(|it| it.decode_as().ok());
    let digest: Option<OctetString> = value(MESSAGE_DIGEST).and_then(|it| it.decode_as().ok());
    let content = content(signed)?;
    let expected = match signer.digest_alg.oid {
        SHA_256 => Sha256::digest(&content).to_vec(),
        SHA_384 => Sha384::digest(&content).to_vec(),
        SHA_512 => Sha512::digest(&content).to_vec(),
        _ => return Err(TimestampError::Signature),
    };
    if kind != Some(TST_INFO) || digest.is_none_or(|it| it.as_bytes() != expected) {
        return Err(TimestampError::Signature);
    }
    let message = attributes.to_der().map_err(|_| TimestampError::Signature)?;
    let signature = signer.signature.as_bytes();
    // Each algorithm refuses keys that are not its own.
    let fits = |it: &&dyn rustls::pki_types::SignatureVerificationAlgorithm| {
        certificate.verify_signature(*it, &message, signature).is_ok()
    };
    if ALL_VERIFICATION_ALGS.iter().any(fits) { Ok(()) } else { Err(TimestampError::Signature) }
}

fn name_of(name: &cms::cert::x509::name::Name) -> String {
    let part = |oid: ObjectIdentifier| {
        let attribute = name.0.iter().flat_map(|it| it.0.iter()).find(|it| it.oid == oid)?;
        let text = std::str::from_utf8(attribute.value.value()).ok()?;
        Some(text.chars().filter(|it| !it.is_control()).take(100).collect::<String>())
    };
    part(COMMON_NAME).or_else(|| part(ORGANIZATION)).unwrap_or_default()
}
