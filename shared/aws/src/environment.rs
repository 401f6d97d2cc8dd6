//! What a function is told in its environment.

use penstock_app::port::PortError;

/// The value of a variable that the function cannot do without.
///
/// # Errors
/// Permanent, if it is not set: the template and the function are not of the same release.
pub fn required(name: &str) -> Result<String, PortError> {
    optional(name).ok_or_else(|| {
        PortError::permanent(format!(
            "read the environment: {name} is not set; deploy the template of the same release"
        ))
    })
}

/// The value of a variable, if it is set and not empty.
pub fn optional(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
