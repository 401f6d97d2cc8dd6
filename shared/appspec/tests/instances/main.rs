//! Deployments to instances, as they go and as they are interrupted.

#[cfg(test)]
mod crash;
#[cfg(test)]
mod deploy;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod support;
mod traffic;
