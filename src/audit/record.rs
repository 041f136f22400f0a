//! What the formats yield: one record of one native log, read and with its secrets masked.

mod access;
mod call;
mod journal;

use serde_json::Value;

use crate::audit::digest::Digest;
use crate::model::{Event, Text, Timestamp};

pub use access::{AccessRecord, Proxy};
pub(super) use access::{AccessWords, failure};
pub use call::{CallEnding, CallStage, Provider, ServiceCall};
pub use journal::{JournalRecord, Login};
pub(super) use journal::{JournalWords, LoginWords};

/// One record, whatever its format.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// An event of our own contract.
    Event(Box<Event>),
    /// A Vault or OpenBao audit entry.
    Vault(Box<VaultEntry>),
    /// A PostgreSQL log record with its continuation lines.
    Postgres(Box<PostgresRecord>),
    /// A CloudTrail record.
    CloudTrail(Box<CloudTrailRecord>),
    /// A call that Kubernetes, Google Cloud or Azure audited.
    Call(Box<ServiceCall>),
    /// A line of the journal of a host.
    Journal(Box<JournalRecord>),
    /// A request that nginx or Envoy logged.
    Access(Box<AccessRecord>),
}

impl Record {
    /// The record's own time.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        match self {
            Self::Event(event) => event.time,
            Self::Vault(entry) => entry.time,
            Self::Postgres(record) => record.time,
            Self::CloudTrail(record) => record.time,
            Self::Call(call) => call.time,
            Self::Journal(record) => record.time,
            Self::Access(record) => record.time,
        }
    }

    /// What it is where it stands alone.
    pub(super) fn item(self) -> Item {
        match self {
            Self::Event(event) => Item::Event(event),
            Self::Postgres(record) => Item::Postgres(record, 0),
            Self::CloudTrail(record) => Item::CloudTrail(record),
            Self::Call(call) => Item::Call(call, 0),
            Self::Journal(record) => Item::Journal(record, 0),
            Self::Access(record) => Item::Access(record, 0),
            Self::Vault(entry) => Item::Vault(VaultCall {
                request: None,
                response: Some(entry),
            }),
        }
    }
}

/// Which half of a call a Vault entry tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VaultKind {
    /// It came in.
    Request,
    /// It was answered.
    Response,
}

/// A Vault or OpenBao audit entry. Strings of `request_data` and `response_data` that are
/// neither keyed hashes nor names ([`crate::model::mask`]) are masked before they are stored.
#[derive(Clone, Debug, PartialEq)]
pub struct VaultEntry {
    /// `time`.
    pub time: Timestamp,
    /// `type`.
    pub kind: VaultKind,
    /// `request.id`, which joins the two halves.
    pub request_id: Text,
    /// `request.operation`.
    pub operation: Text,
    /// `request.namespace.path` and `request.path`, without a leading slash.
    pub path: Text,
    /// `request.mount_point`, with its trailing slash; empty where absent.
    pub mount_point: Text,
    /// `request.mount_type`: `kv`, `database`, `transit`, `pki`, `identity`, …; empty where absent.
    pub mount_type: Text,
    /// `auth` of the entry, else of the response (a login's).
    pub auth: Option<VaultAuth>,
    /// `request.remote_address`.
    pub remote_address: Option<Text>,
    /// `request.headers["x-correlation-id"][0]`, else `correlation-id`.
    pub correlation: Option<Text>,
    /// `request.headers["user-agent"][0]`.
    pub user_agent: Option<Text>,
    /// `error`.
    pub error: Option<Text>,
    /// `response.secret.lease_id`.
    pub lease_id: Option<Text>,
    /// True where `response.wrap_info` stands: behind a control group nothing was done yet.
    pub wrapped: bool,
    /// `request.data`, masked; null where absent.
    pub request_data: Value,
    /// `response.data`, masked; null where absent.
    pub response_data: Value,
    /// A fingerprint of what a KV v2 write sent (`request.data.data`) or a read got
    /// (`response.data.data`), taken before it was masked. Its key is made anew in every process and never leaves it, so that it tells equal
    /// from different payloads of one device and nothing else; never write it anywhere.
    pub payload: Option<u64>,
    /// True where the device wrote secrets in clear (`log_raw`).
    pub raw_device: bool,
}

/// A Vault call: what came in and how it was answered. At least one half is there.
#[derive(Clone, Debug, PartialEq)]
pub struct VaultCall {
    /// The request entry.
    pub request: Option<Box<VaultEntry>>,
    /// The response entry; `None` where none was logged.
    pub response: Option<Box<VaultEntry>>,
}

impl VaultCall {
    /// The half that knows most: the response, else the request.
    #[must_use]
    pub fn last(&self) -> Option<&VaultEntry> {
        self.response.as_deref().or(self.request.as_deref())
    }
}

/// What the merge of all files yields, in order of time.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    /// What it is.
    pub item: Item,
    /// True for a record met before (a second audit device, a rotated file, another format of the
    /// same log). It yields no event, but what it says in clear may still teach.
    pub duplicate: bool,
}

/// One item of the merged stream.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// An event of our own contract.
    Event(Box<Event>),
    /// A Vault call.
    Vault(VaultCall),
    /// A PostgreSQL record, and the how-manieth it is (from 0) of those in its file whose
    /// [`PostgresRecord::identity`] is the same.
    Postgres(Box<PostgresRecord>, u32),
    /// A CloudTrail record.
    CloudTrail(Box<CloudTrailRecord>),
    /// A call of Kubernetes, Google Cloud or Azure at the last stage that is known, and the
    /// how-manieth of its file that says the same, where it has no id.
    Call(Box<ServiceCall>, u32),
    /// A line of the journal, and the same.
    Journal(Box<JournalRecord>, u32),
    /// A request to nginx or Envoy, and the how-manieth of its file that says the same.
    Access(Box<AccessRecord>, u32),
}

/// Who called, in Vault's words.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VaultAuth {
    /// `display_name`.
    pub display_name: Option<Text>,
    /// `entity_id`.
    pub entity_id: Option<Text>,
    /// `metadata`, by key.
    pub metadata: Vec<(Text, Text)>,
    /// `policies`.
    pub policies: Vec<Text>,
}

impl VaultAuth {
    /// A metadata value by its key.
    #[must_use]
    pub fn meta(&self, key: &str) -> Option<&Text> {
        self.metadata
            .iter()
            .find(|(k, _)| k.raw() == key)
            .map(|(_, v)| v)
    }
}

/// A PostgreSQL log record, the same from jsonlog, csvlog and stderr as far as those tell.
#[derive(Clone, Debug, PartialEq)]
pub struct PostgresRecord {
    /// `timestamp`.
    pub time: Timestamp,
    /// The backend process.
    pub pid: Option<u64>,
    /// The role that connects.
    pub user: Option<Text>,
    /// The database.
    pub database: Option<Text>,
    /// The client's host, without its port.
    pub remote_host: Option<Text>,
    /// The client's program.
    pub application: Option<Text>,
    /// `LOG`, `FATAL`, `ERROR`, …
    pub severity: Text,
    /// SQLSTATE, such as `28P01`; absent in stderr unless its prefix has `%e`, and then inferred
    /// from the message where that is unmistakable.
    pub sqlstate: Option<Text>,
    /// The message with its continuation lines; passwords of `ALTER ROLE … PASSWORD` masked.
    pub message: Text,
    /// The DETAIL line.
    pub detail: Option<Text>,
}

impl PostgresRecord {
    /// What is the same of a record in jsonlog, csvlog and stderr: its time to the millisecond,
    /// process, user and message. Records that share it are told apart by their how-manieth.
    #[must_use]
    pub fn identity(&self) -> u128 {
        let millis = self.time.nanos() / 1_000_000;
        Digest::of("postgres")
            .word(&self.time.seconds().to_le_bytes())
            .word(&millis.to_le_bytes())
            .word(&self.pid.unwrap_or(u64::MAX).to_le_bytes())
            .word(self.user.as_ref().map_or("", Text::raw).as_bytes())
            .word(self.message.raw().as_bytes())
            .end()
    }
}

/// A CloudTrail record. Of its parameters and its answer only the names in [`Said`] are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct CloudTrailRecord {
    /// `eventTime`, which is told to the second.
    pub time: Timestamp,
    /// `eventID`.
    pub event_id: Option<Text>,
    /// `eventSource`.
    pub event_source: Text,
    /// `eventName`.
    pub event_name: Text,
    /// True where `eventType` is `AwsServiceEvent`: the service did it by itself.
    pub by_service: bool,
    /// `recipientAccountId`: the account whose log it is.
    pub account: Option<Text>,
    /// `awsRegion`.
    pub region: Option<Text>,
    /// `userIdentity.arn`, else the best of its other names.
    pub actor: Text,
    /// Who called, as far as `userIdentity` tells more.
    pub caller: CloudTrailCaller,
    /// `sourceIPAddress`.
    pub remote_address: Option<Text>,
    /// `userAgent`.
    pub user_agent: Option<Text>,
    /// `errorCode`.
    pub error_code: Option<Text>,
    /// `errorMessage`.
    pub error_message: Option<Text>,
    /// `readOnly`.
    pub read_only: Option<bool>,
    /// `requestParameters.secretId`, `additionalEventData.SecretId`, or another resource's name; of
    /// a refused call, which has no parameters, the one that its error names.
    pub resource: Option<Text>,
    /// What else it says, each at most once.
    pub said: Vec<(Said, Text)>,
}

impl CloudTrailRecord {
    /// What the record says under this name; words that are empty are none.
    #[must_use]
    pub fn says(&self, what: Said) -> Option<&Text> {
        let (_, words) = self.said.iter().find(|(name, _)| *name == what)?;
        Some(words).filter(|words| !words.is_empty())
    }
}

/// What `userIdentity` tells besides the caller's name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CloudTrailCaller {
    /// `type`: `IAMUser`, `AssumedRole`, `Root`, `AWSService`, …
    pub kind: Option<Text>,
    /// `userName`.
    pub user: Option<Text>,
    /// `sessionContext.sessionIssuer.userName`: the role that was assumed.
    pub role: Option<Text>,
    /// `accessKeyId`: the name of the key that it signed with, which is no secret.
    pub access_key: Option<Text>,
}

/// The names that are kept of a CloudTrail record's parameters, answer and details. None of them
/// can hold a secret's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// `requestID`; of a rotation by Secrets Manager it ends in the version's id.
    RequestId,
    /// The ARN of what was answered about.
    Arn,
    /// `clientRequestToken`: the id of the version that is made.
    Token,
    /// `versionId`, as it was asked for.
    VersionAsked,
    /// `versionId`, as it was answered.
    VersionMade,
    /// `versionStage`.
    Stage,
    /// `versionStages`, with commas between.
    Stages,
    /// `moveToVersionId`.
    MoveTo,
    /// `removeFromVersionId`.
    RemoveFrom,
    /// `rotateImmediately`.
    RotateNow,
    /// `userName`.
    User,
    /// `accessKeyId`, as it was asked for.
    KeyAsked,
    /// `accessKey.accessKeyId`: the access key that was made.
    KeyMade,
    /// `accessKey.userName`: whose it is.
    KeyUser,
    /// `status`.
    Status,
    /// `aliasName` of a KMS key.
    Alias,
    /// `targetKeyId`: the KMS key that an alias is to name.
    Target,
    /// `rotationPeriodInDays`.
    Period,
    /// `rotationType`: `AUTOMATIC` or `ON_DEMAND`.
    RotationType,
    /// `currentKeyMaterialId` of a KMS key.
    Material,
    /// `previousKeyMaterialId` of a KMS key.
    MaterialBefore,
    /// `roleArn`.
    Role,
    /// `durationSeconds`.
    Duration,
    /// `credentials.accessKeyId`: the name of temporary credentials.
    LeaseKey,
    /// `credentials.expiration`.
    LeaseEnds,
    /// `assumedRoleUser.arn` or `federatedUser.arn`: who the temporary credentials speak for.
    LeaseUser,
}
