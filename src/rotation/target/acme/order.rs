//! The conversation with the CA: the account, an order with its http-01 challenge, a revocation.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path as Segment;
use axum::http::{Request, Response, StatusCode};
use axum::routing::get;
use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, BodyWrapper, BytesResponse, ChallengeType,
    Error, HttpClient, Identifier, NewAccount, NewOrder, Order, OrderStatus, RetryPolicy,
    RevocationReason, RevocationRequest,
};
use rustls::pki_types::CertificateDer;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;
use zeroize::Zeroizing;

use super::Pair;
use super::folder::{Folder, Pending};
use crate::rotation::fault::{Fault, FaultKind};
use crate::rotation::target::Call;
use crate::rotation::target::shared::http::Http;
use crate::rotation::target::shared::replace::{PRIVATE, content, replace};
use crate::rotation::target::shared::settings::{SettingError, Settings};
use crate::rotation::target::shared::words::{place, said};

/// The most bytes of an answer of the CA.
const MOST: usize = 1 << 20;

/// Orders answer their challenges at one address: one after the other.
static ORDERING: Mutex<()> = Mutex::const_new(());

/// A certificate authority, our account there, and the names that certificates are for.
pub struct Authority {
    directory: String,
    http: Http,
    account: PathBuf,
    contact: Option<String>,
    names: Vec<String>,
    listen: Option<SocketAddr>,
}

/// Hands the requests of the ACME library to our own HTTP client.
struct Through(reqwest::Client);

impl HttpClient for Through {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let client = self.0.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = axum::body::to_bytes(axum::body::Body::new(body), MOST)
                .await
                .map_err(|e| Error::Other(Box::new(e)))?;
            let request = reqwest::Request::try_from(Request::from_parts(parts, body))
                .map_err(|e| Error::Other(Box::new(e)))?;
            let answer = client
                .execute(request)
                .await
                .map_err(|e| Error::Other(Box::new(e.without_url())))?;
            Ok(BytesResponse::from(Response::<reqwest::Body>::from(answer)))
        })
    }
}

impl Authority {
    /// Reads `directory_url`, `ca_file` (whom to trust there), `account_file`, `contact`, `names`
    /// and `http01_listen` (`ADDRESS:PORT` where the challenge is answered; absent where the CA
    /// does not ask).
    pub fn of(settings: &mut Settings) -> Result<Self, SettingError> {
        let directory = settings.url("directory_url")?;
        let ca_file = settings.maybe_path("ca_file")?;
        let http = Http::new(ca_file.as_deref()).map_err(|e| settings.wrong("ca_file", e))?;
        let names = settings.texts("names")?;
        if names.is_empty() {
            return Err(settings.wrong("names", "must name at least one host"));
        }
        let listen = match settings.maybe_text("http01_listen")? {
            None => None,
            Some(words) => Some(
                words
                    .parse()
                    .map_err(|_| settings.wrong("http01_listen", "must be ADDRESS:PORT"))?,
            ),
        };
        Ok(Self {
            directory,
            http,
            account: settings.path("account_file")?,
            contact: settings.maybe_text("contact")?,
            names,
            listen,
        })
    }

    /// The name that stands for all.
    pub fn first_name(&self) -> &str {
        self.names.first().map(String::as_str).unwrap_or_default()
    }

    /// Orders a certificate, or goes on with the order of this call.
    pub async fn order(&self, folder: &Folder, call: &Call, doing: &str) -> Result<Pair, Fault> {
        let ordering = async {
            let _alone = ORDERING.lock().await;
            self.order_alone(folder, call, doing).await
        };
        let ordered = match timeout(call.within, ordering).await {
            Ok(ordered) => ordered,
            Err(_) => Err(Fault::new(
                FaultKind::Unanswered,
                doing,
                "the CA did not finish in time",
            )),
        };
        if matches!(&ordered, Err(fault) if fault.kind == FaultKind::Refused) {
            // What was refused stays refused: the next try must be another order.
            folder.forget_order(doing)?;
        }
        ordered
    }

    async fn order_alone(&self, folder: &Folder, call: &Call, doing: &str) -> Result<Pair, Fault> {
        let failed = |e: Error| failed(&e, doing);
        let account = self.account(doing).await?;
        let (mut order, key) = self.begin(&account, folder, call, doing).await?;
        let patience = RetryPolicy::new().timeout(call.within);
        if order.state().status == OrderStatus::Pending {
            let _answering = self.answer(&mut order, doing).await?;
            order.poll_ready(&patience).await.map_err(failed)?;
        }
        if order.state().status == OrderStatus::Ready {
            let csr = self.request(&key, doing)?;
            order.finalize_csr(&csr).await.map_err(failed)?;
        }
        if order.state().status == OrderStatus::Invalid {
            return Err(Fault::new(
                FaultKind::Refused,
                doing,
                self.why(&mut order).await,
            ));
        }
        let chain = order.poll_certificate(&patience).await.map_err(failed)?;
        Ok(Pair {
            key: key.serialize_pem(),
            chain,
        })
    }

    /// The order of this call: the one under way, or a new one that is kept before anything else.
    async fn begin(
        &self,
        account: &Account,
        folder: &Folder,
        call: &Call,
        doing: &str,
    ) -> Result<(Order, rcgen::KeyPair), Fault> {
        let local = |e: rcgen::Error| Fault::new(FaultKind::Local, doing, e.to_string());
        if let Some(pending) = folder.order(&call.key, doing)? {
            let key = rcgen::KeyPair::from_pem(&pending.key).map_err(local)?;
            let order = account.order(pending.order.clone()).await;
            return Ok((order.map_err(|e| failed(&e, doing))?, key));
        }
        let key = rcgen::KeyPair::generate().map_err(local)?;
        let names: Vec<Identifier> = self.names.iter().cloned().map(Identifier::Dns).collect();
        let order = account.new_order(&NewOrder::new(&names)).await;
        let order = order.map_err(|e| failed(&e, doing))?;
        let pending = Pending {
            call: call.key.clone(),
            order: order.url().to_owned(),
            key: key.serialize_pem(),
        };
        folder.keep_order(&pending, doing).await?;
        Ok((order, key))
    }

    fn request(&self, key: &rcgen::KeyPair, doing: &str) -> Result<Vec<u8>, Fault> {
        let local = |e: rcgen::Error| Fault::new(FaultKind::Local, doing, e.to_string());
        let mut params = rcgen::CertificateParams::new(self.names.clone()).map_err(local)?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        let request = params.serialize_request(key).map_err(local)?;
        Ok(request.der().to_vec())
    }

    /// Answers the challenges of an order until the handle is dropped.
    async fn answer(
        &self,
        order: &mut Order,
        doing: &str,
    ) -> Result<Option<AbortOnDropHandle<()>>, Fault> {
        let failed = |e: Error| failed(&e, doing);
        let mut open = Vec::new();
        let mut answers = Vec::new();
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.map_err(failed)?;
            if authorization.status != AuthorizationStatus::Pending {
                continue;
            }
            let challenge = authorization
                .challenge(ChallengeType::Http01)
                .ok_or_else(|| {
                    Fault::new(
                        FaultKind::Refused,
                        doing,
                        "the CA offers no http-01 challenge",
                    )
                })?;
            let answer = challenge.key_authorization().as_str().to_owned();
            answers.push((challenge.token.clone(), answer));
            open.push(challenge.token.clone());
        }
        let answering = self.respond(answers, doing).await?;
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.map_err(failed)?;
            if let Some(mut challenge) = authorization.challenge(ChallengeType::Http01)
                && open.contains(&challenge.token)
            {
                challenge.set_ready().await.map_err(failed)?;
            }
        }
        Ok(answering)
    }

    /// A small HTTP server with these answers and nothing else.
    async fn respond(
        &self,
        answers: Vec<(String, String)>,
        doing: &str,
    ) -> Result<Option<AbortOnDropHandle<()>>, Fault> {
        let Some(address) = self.listen else {
            return Ok(None);
        };
        let listener = TcpListener::bind(address).await.map_err(|e| {
            let said = format!("answer the challenge at {address}: {e}");
            Fault::new(FaultKind::Local, doing, said)
        })?;
        let find = move |Segment(token): Segment<String>| async move {
            answers
                .into_iter()
                .find(|(name, _)| *name == token)
                .map_or((StatusCode::NOT_FOUND, String::new()), |(_, answer)| {
                    (StatusCode::OK, answer)
                })
        };
        let router = Router::new().route("/.well-known/acme-challenge/{token}", get(find));
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Some(AbortOnDropHandle::new(serving)))
    }

    /// What the CA has against an order.
    async fn why(&self, order: &mut Order) -> crate::model::Text {
        let mut words = Vec::new();
        if let Some(problem) = &order.state().error {
            words.push(problem.to_string());
        }
        let mut authorizations = order.authorizations();
        while let Some(Ok(authorization)) = authorizations.next().await {
            let problems = authorization
                .challenges
                .iter()
                .filter_map(|c| c.error.as_ref());
            words.extend(problems.map(ToString::to_string));
        }
        if words.is_empty() {
            words.push("the CA found the order invalid".to_owned());
        }
        said(&words.join("; "), &[])
    }

    /// Has the CA revoke a certificate; one that is revoked already is as good.
    pub async fn revoke(
        &self,
        certificate: &CertificateDer<'_>,
        call: &Call,
        doing: &str,
    ) -> Result<(), Fault> {
        let revoking = async {
            let account = self.account(doing).await?;
            let request = RevocationRequest {
                certificate,
                reason: Some(RevocationReason::Superseded),
            };
            match account.revoke(&request).await {
                Ok(()) => Ok(()),
                Err(Error::Api(problem)) if is(&problem, "alreadyRevoked") => Ok(()),
                Err(e) => Err(failed(&e, doing)),
            }
        };
        timeout(call.within, revoking).await.unwrap_or_else(|_| {
            Err(Fault::new(
                FaultKind::Unanswered,
                doing,
                "no answer in time",
            ))
        })
    }

    /// Our account, made on first use.
    async fn account(&self, doing: &str) -> Result<Account, Fault> {
        let builder = || Account::builder_with_http(Box::new(Through(self.http.client().clone())));
        if let Some(bytes) = content(&self.account, doing)?.map(Zeroizing::new) {
            let credentials: AccountCredentials = serde_json::from_slice(&bytes).map_err(|e| {
                let said = format!("{} {}", self.account.display(), place(&e));
                Fault::new(FaultKind::Local, doing, said)
            })?;
            return builder()
                .from_credentials(credentials)
                .await
                .map_err(|e| failed(&e, doing));
        }
        let contact: Vec<&str> = self.contact.as_deref().into_iter().collect();
        let new = NewAccount {
            contact: &contact,
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let (account, credentials) = builder()
            .create(&new, self.directory.clone(), None)
            .await
            .map_err(|e| failed(&e, doing))?;
        let bytes = Zeroizing::new(serde_json::to_vec(&credentials).unwrap_or_default());
        replace(&self.account, &bytes, PRIVATE, doing).await?;
        Ok(account)
    }
}

fn is(problem: &instant_acme::Problem, name: &str) -> bool {
    problem
        .r#type
        .as_deref()
        .is_some_and(|kind| kind.rsplit(':').next() == Some(name))
}

fn failed(error: &Error, doing: &str) -> Fault {
    let kind = match error {
        Error::Api(problem) if is(problem, "rateLimited") => {
            FaultKind::Throttled { retry_after: None }
        }
        Error::Api(problem) if problem.status.is_some_and(|status| status >= 500) => {
            FaultKind::Unanswered
        }
        Error::Api(_) | Error::Unsupported(_) => FaultKind::Refused,
        Error::Timeout(_) => FaultKind::Unanswered,
        Error::Other(cause) => match cause.downcast_ref::<reqwest::Error>() {
            Some(e) if e.is_connect() => FaultKind::Unreachable,
            Some(_) => FaultKind::Unanswered,
            None => FaultKind::Garbage,
        },
        Error::Crypto | Error::KeyRejected | Error::InvalidUri(_) => FaultKind::Local,
        _ => FaultKind::Garbage,
    };
    let words = match error {
        // The parser's own words may repeat what it read.
        Error::Json(e) => place(e),
        Error::Other(cause) => {
            let mut words = cause.to_string();
            let mut source = cause.source();
            while let Some(cause) = source {
                words = format!("{words}: {cause}");
                source = cause.source();
            }
            words
        }
        other => other.to_string(),
    };
    Fault::new(kind, doing, said(&words, &[]))
}
