//! A person's signing key, and the check of anybody's signature.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};

use crate::model::proof::{PublicKey, Signature};

/// Stands before everything that is signed.
const PROGRAM: &[u8] = b"rotascope";

/// A person's Ed25519 key. It is wiped when it is dropped; its `Debug` shows the public half.
pub struct Signer(SigningKey);

impl Signer {
    /// The signer of this seed.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The public half, by which others know the person.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey::new(self.0.verifying_key().to_bytes())
    }

    /// Signs bytes of a domain: what is signed in one domain is no signature in another.
    #[must_use]
    pub fn sign(&self, domain: &str, bytes: &[u8]) -> Signature {
        Signature::new(self.0.sign(&message(domain, bytes)).to_bytes())
    }

    /// True where this key signed these bytes in this domain. Weak keys and signatures that have
    /// a second form are refused.
    #[must_use]
    pub fn verify(key: &PublicKey, domain: &str, bytes: &[u8], signature: &Signature) -> bool {
        let Ok(key) = VerifyingKey::from_bytes(key.as_bytes()) else {
            return false;
        };
        let signature = ed25519_dalek::Signature::from_bytes(signature.as_bytes());
        key.verify_strict(&message(domain, bytes), &signature)
            .is_ok()
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.public())
    }
}

/// What is signed: the lengths make each pair of domain and bytes another message.
fn message(domain: &str, bytes: &[u8]) -> Vec<u8> {
    let length = u64::try_from(domain.len()).unwrap_or(u64::MAX);
    let mut message = Vec::with_capacity(PROGRAM.len() + 8 + domain.len() + bytes.len());
    message.extend_from_slice(PROGRAM);
    message.extend_from_slice(&length.to_be_bytes());
    message.extend_from_slice(domain.as_bytes());
    message.extend_from_slice(bytes);
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_seed_is_the_key_of_rfc_8032() {
        let seed = data_encoding::HEXLOWER
            .decode(b"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
            .unwrap();
        let signer = Signer::from_seed(&seed.try_into().unwrap());
        let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        assert_eq!(
            data_encoding::HEXLOWER.encode(signer.public().as_bytes()),
            public
        );
        assert!(!format!("{signer:?}").contains("9d61"));
    }

    #[test]
    fn a_weak_key_signs_nothing() {
        // The neutral element: its "signature" of any message would hold in a lax check.
        let mut weak = [0; 32];
        weak[0] = 1;
        let mut signature = [0; 64];
        signature[0] = 1;
        let signature = Signature::new(signature);
        assert!(!Signer::verify(
            &PublicKey::new(weak),
            "d",
            b"x",
            &signature
        ));
        assert!(!Signer::verify(
            &PublicKey::new([0xff; 32]),
            "d",
            b"x",
            &signature
        ));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_signature_holds_for_its_key_domain_and_bytes_alone(
            seed in any::<[u8; 32]>(), domain in "[a-z ]{0,12}", bytes in any::<Vec<u8>>(),
            other in "[a-z ]{0,12}", at in any::<prop::sample::Index>(),
        ) {
            let signer = Signer::from_seed(&seed);
            let signature = signer.sign(&domain, &bytes);
            prop_assert!(Signer::verify(&signer.public(), &domain, &bytes, &signature));
            if other != domain {
                prop_assert!(!Signer::verify(&signer.public(), &other, &bytes, &signature));
            }
            let mut more = bytes.clone();
            more.push(0);
            prop_assert!(!Signer::verify(&signer.public(), &domain, &more, &signature));
            let mut forged = *signature.as_bytes();
            forged[at.index(64)] ^= 1;
            prop_assert!(!Signer::verify(&signer.public(), &domain, &bytes, &Signature::new(forged)));
            let stranger = Signer::from_seed(&[seed[0].wrapping_add(1); 32]);
            prop_assert!(!Signer::verify(&stranger.public(), &domain, &bytes, &signature));
        }
    }
}
