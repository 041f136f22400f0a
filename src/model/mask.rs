//! The one place that knows which values of a native record may be kept.
//!
//! A raw audit device writes secrets in clear. Readers call this before a value is stored
//! anywhere, so that nothing behind them can hold one.

mod prose;

pub use prose::{LONGEST, cut, is_token, prose, target};

/// What stands where a secret value stood.
pub const MASKED: &str = "‹masked›";

/// True for a value that is shown as it is: a keyed hash of the original, not the original.
#[must_use]
pub fn is_hashed(value: &str) -> bool {
    value
        .strip_prefix("hmac-sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// True where a string under this key (the nearest map key above it) is a name, not a secret:
/// user names, role and key names, lease ids, times, the server's own error words. All other
/// strings of a request's or a response's `data` are masked, since what a key-value store holds
/// under them cannot be known.
#[must_use]
pub fn is_name(key: &str) -> bool {
    matches!(
        key,
        "username"
            | "user"
            | "display_name"
            | "role"
            | "role_name"
            | "name"
            | "db_name"
            | "lease_id"
            | "prefix"
            | "type"
            | "creation_time"
            | "created_time"
            | "deletion_time"
            | "last_vault_rotation"
            | "last_openbao_rotation"
            | "last_password_rotation"
            | "expire_time"
            | "issue_time"
            | "revocation_time_rfc3339"
            | "serial_number"
            | "common_name"
            | "rotation_period"
            | "rotation_schedule"
            | "ttl"
            | "max_ttl"
            | "default_ttl"
            | "verification_ttl"
            | "algorithm"
            | "state"
            | "path"
            | "policies"
            | "token_policies"
            | "min_decryption_version"
            | "min_encryption_version"
            | "version"
            | "current_version"
            | "key_version"
            | "entity_id"
            | "mount_point"
            | "mount_type"
            | "plugin_name"
            | "issuer_id"
            | "key_id"
            | "deletion_allowed"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every string that Vault's engines answer with as secret material must stay unknown here:
    /// one of them in the list of names would let it through everywhere.
    #[test]
    fn no_key_of_secret_material_is_a_name() {
        for key in [
            "password",
            "last_password",
            "secret_id",
            "token",
            "client_token",
            "accessor",
            "jwt",
            "private_key",
            "rsa_private_key",
            "key",
            "data",
            "value",
            "plaintext",
            "ciphertext",
            "secret_key",
            "access_key",
            "security_token",
            "input",
            "context",
            "signature",
        ] {
            assert!(!is_name(key), "{key} would be shown");
        }
        assert!(is_name("username"));
    }

    #[test]
    fn only_a_whole_keyed_hash_is_one() {
        let hash = format!("hmac-sha256:{}", "0a".repeat(32));
        assert!(is_hashed(&hash));
        assert!(!is_hashed(&format!("{hash}0")));
        assert!(!is_hashed("hmac-sha256:s3cret"));
    }
}
