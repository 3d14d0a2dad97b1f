//! TLS to an engine: PEM contents in, a rustls connector out. The crypto provider (ring) is
//! named here and never the process's default, which another native addon may have set.

use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::engine::endpoint::{Tls, argument};
use crate::{Error, Result};

/// A connector that trusts `ca`, or the system's authorities without one, and shows the
/// client's certificate if there is one. The server's certificate is always checked.
///
/// # Errors
/// [`Error::Argument`] for content that isn't PEM, or a key that isn't the certificate's.
/// The message never holds any of the content.
pub(super) fn connector(tls: &Tls) -> Result<TlsConnector> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Argument(format!("TLS: {error}")))?
        .with_root_certificates(roots(tls.ca.as_deref())?);
    let config = match &tls.identity {
        None => builder.with_no_client_auth(),
        Some((cert, key)) => builder
            .with_client_auth_cert(certificates("cert", cert)?, private_key(key)?)
            .map_err(|error| Error::Argument(format!("cert and key don't fit: {error}")))?,
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

fn roots(ca: Option<&[u8]>) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(ca) => {
            for certificate in certificates("ca", ca)? {
                roots.add(certificate).map_err(|error| {
                    Error::Argument(format!(
                        "ca holds a certificate that can't be used: {error}"
                    ))
                })?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return argument("this machine has no trusted authorities: give ca");
    }
    Ok(roots)
}

fn certificates(name: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    match CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>() {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => argument(format!(
            "{name} holds no certificate in PEM form: give the file's content, not its path"
        )),
    }
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_slice(pem).or_else(|_| {
        argument("key holds no unencrypted private key in PEM form: give the file's content")
    })
}
