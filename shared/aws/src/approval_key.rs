//! The key of approvals' tokens, from the secret that was generated at installation.

use penstock_app::approvals::ApprovalKey;
use penstock_app::port::PortError;
use penstock_app::port::secrets::Secrets;
use sha2::{Digest, Sha256};

/// The fewest characters that the secret may have, so that nobody guesses it.
const SHORTEST: usize = 32;

/// The key that follows from the secret called `name`.
///
/// # Errors
/// [`PortError`] if the secret cannot be read or is too short.
pub async fn approval_key(secrets: &dyn Secrets, name: &str) -> Result<ApprovalKey, PortError> {
    let secret = secrets.secret(name).await?;
    if secret.len() < SHORTEST {
        return Err(PortError::permanent(format!(
            "take the approval key: the secret `{name}` has fewer than {SHORTEST} characters; store a longer one"
        )));
    }
    Ok(ApprovalKey::new(Sha256::digest(secret).into()))
}
