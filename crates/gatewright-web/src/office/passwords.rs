//! Slow hashes of passwords: Argon2id with its authors' parameters.

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};

use super::Office;
use super::answer::Failure;

/// Length of a password, in characters.
pub(super) const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 12..=200;
/// Most hashes that are made at once: each takes 19 MiB and a core.
pub(super) const AT_ONCE: usize = 2;

/// Makes and compares hashes.
pub(super) struct Passwords {
    /// The hash of a password that nobody has: for names that nobody has.
    nobodys: String,
}

impl Passwords {
    pub(super) fn new(office: &dyn Office) -> Result<Self, Failure> {
        Ok(Self {
            nobodys: hash("nobody has this password", office)?,
        })
    }

    /// Says whether a password is the one of a hash. Without a hash it takes the same time, and is none.
    pub(super) fn is_right(&self, password: &str, hash: Option<&str>) -> bool {
        let against = hash.unwrap_or(&self.nobodys);
        let checked = Argon2::default().verify_password(password.as_bytes(), against);
        checked.is_ok() && hash.is_some()
    }
}

/// Hashes a password with a salt of its own.
pub(super) fn hash(password: &str, office: &dyn Office) -> Result<String, Failure> {
    let random = office.random()?;
    let mut salt = [0; 16];
    salt.copy_from_slice(&random[..16]);
    Ok(password_hash(password, &salt)?)
}

/// Hashes a password as accounts keep it (argon2id, default parameters), with random bytes of its own.
///
/// # Errors
/// When it cannot be hashed.
pub fn password_hash(password: &str, salt: &[u8; 16]) -> Result<String, String> {
    let hashed = Argon2::default().hash_password_with_salt(password.as_bytes(), salt);
    hashed
        .map(|hash| hash.to_string())
        .map_err(|why| format!("a password could not be hashed: {why}"))
}
