//! A machine that is open and at which nothing goes on yet.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use penstock_app::admission::Admission;
use penstock_app::approvals::{ApprovalKey, Approvals};
use penstock_app::base_url::BaseUrl;
use penstock_app::clean_up::CleanUp;
use penstock_app::control::Control;
use penstock_app::delivery::Deliveries;
use penstock_app::dispatch::Dispatch;
use penstock_app::dispatch::anticipation::Anticipation;
use penstock_app::jobs::Jobs;
use penstock_app::notify::Notify;
use penstock_app::port::clock::{Clock, SystemClock};
use penstock_app::query::Query;
use penstock_app::reach::Reach;
use penstock_app::sweep::Sweep;
use penstock_app::transition::Transition;
use penstock_app::worker::Worker;
use penstock_process::Lineage;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::providers::Parts;
use super::{Machine, MachineError, approval_key, io_at, lock, predecessors_gone, prepare, providers};
use crate::claims::ClaimJournal;
use crate::clean_up;
use crate::database::Database;
use crate::follower::Follower;
use crate::in_flight::InFlight;
use crate::logs::LogFiles;
use crate::notices::Notices;
use crate::queue::MemoryQueue;
use crate::registry::{Further, Registry};
use crate::settings::Settings;
use crate::source::GitRepository;
use crate::timer;

/// A machine that is open: people's commands are carried out, and nothing that they or the state owe is begun until
/// [`Idle::take_up`]. Dropping it leaves everything as it was.
pub struct Idle {
    /// People's commands.
    pub control: Arc<Control>,
    /// What people look at.
    pub query: Arc<Query>,
    jobs: Arc<Jobs>,
    approvals: Arc<Approvals>,
    deliveries: Arc<Deliveries>,
    transition: Arc<Transition>,
    dispatch: Arc<Dispatch>,
    notify: Notify,
    base_url: BaseUrl,
    ground: Ground,
}

/// What the use cases stand on.
struct Ground {
    dir: PathBuf,
    lock: Arc<File>,
    database: Arc<Database>,
    claims: Arc<ClaimJournal>,
    queue: MemoryQueue,
    in_flight: InFlight,
    logs: LogFiles,
    clock: Arc<dyn Clock>,
}

impl Idle {
    pub(super) async fn open(settings: Settings, further: Vec<Further>) -> Result<Self, MachineError> {
        let dir = prepare(&settings.dir)?;
        let lock = Arc::new(lock(&dir).await?);
        let lineage = predecessors_gone(&dir).await?;
        let settings = Settings { dir: dir.clone(), ..settings };
        let ground = Ground::open(dir, lock)?;
        let repository = settings.repository.as_deref().and_then(GitRepository::discover);
        let providers = Arc::new(ground.providers(&settings, &lineage, repository.as_ref(), further)?);
        let key = ApprovalKey::new(approval_key(&ground.dir)?);
        let notices =
            Notices::new(&ground.dir, settings.console.clone(), settings.notification_webhook.as_deref())
                .map_err(MachineError::Setting)?;
        let base_url = BaseUrl::new(&settings.base_url);
        Ok(Self::wire(ground, providers, repository, key, notices, base_url))
    }

    fn wire(
        ground: Ground,
        providers: Arc<Registry>,
        repository: Option<GitRepository>,
        key: ApprovalKey,
        notices: Notices,
        base_url: BaseUrl,
    ) -> Self {
        let Ground { database, claims, queue, logs, clock, .. } = &ground;
        let transition = Transition::new(database.clone(), Arc::new(queue.clone()), clock.clone());
        let anticipation = Anticipation::new(database.clone(), providers.clone());
        let transition = Arc::new(transition.taking_turns().anticipating(anticipation));
        let approvals = Arc::new(Approvals::new(
            key,
            database.clone(),
            database.clone(),
            transition.clone(),
            clock.clone(),
            base_url.clone(),
        ));
        let admission = Arc::new(Admission::new(transition.clone(), providers.clone()));
        let control = Arc::new(Control::new(
            transition.clone(),
            database.clone(),
            admission.clone(),
            approvals.clone(),
            clock.clone(),
        ));
        let query = Arc::new(Query::new(
            database.clone(),
            database.clone(),
            approvals.clone(),
            Arc::new(logs.clone()),
            transition.changes(),
        ));
        let (outputs, sent) = (database.clone(), Arc::new(queue.clone()));
        let jobs = Arc::new(Jobs::new(outputs, database.clone(), transition.clone(), sent));
        let deliveries =
            Arc::new(Deliveries::new(admission, database.clone(), providers::repository(repository)));
        let dispatch = Arc::new(Dispatch::new(
            transition.clone(),
            database.clone(),
            claims.clone(),
            database.clone(),
            providers,
            clock.clone(),
        ));
        let notify = Notify::new(
            database.clone(),
            Arc::new(approvals.clone()),
            Arc::new(notices),
            Reach::Open(base_url.clone()),
        );
        Self { control, query, jobs, approvals, deliveries, transition, dispatch, notify, base_url, ground }
    }

    /// Takes up what was under way, and from now on whatever is owed.
    ///
    /// # Errors
    /// [`MachineError`].
    pub async fn take_up(self) -> Result<Machine, MachineError> {
        let Self {
            control,
            query,
            jobs,
            approvals,
            deliveries,
            transition,
            dispatch,
            notify,
            base_url,
            ground,
        } = self;
        let sweep = || Sweep::new(transition.clone(), ground.database.clone(), ground.clock.clone());
        // Whatever a server that is gone had claimed is looked at again, and everything owed is sent.
        ground.claims.expire_all()?;
        ground.in_flight.report_to(dispatch.clone());
        ground.queue.serve(Arc::new(Worker::new(transition.clone(), dispatch)));
        for (pipeline, error) in sweep().recover().await?.failed {
            tracing::error!(%pipeline, "what was under way could not be taken up: {error}");
        }
        let (end, ended) = watch::channel(false);
        let follower = Follower::new(ground.database.clone(), notify, ground.claims.clone())?;
        let follower = Some(tokio::spawn(follower.follow(ended)));
        let clean_up = ground.clean_up()?;
        let timer = tokio::spawn(timer::run(ground.database.clone(), sweep(), ground.clock.clone()));
        let Ground { dir, lock, database, queue, in_flight, .. } = ground;
        Ok(Machine {
            control,
            query,
            jobs,
            approvals,
            deliveries,
            sites: dir.join("sites"),
            base_url,
            database,
            queue,
            in_flight,
            end,
            follower,
            timer,
            clean_up,
            _lock: lock,
        })
    }
}

impl Ground {
    fn open(dir: PathBuf, lock: Arc<File>) -> Result<Self, MachineError> {
        let database = Arc::new(Database::open(&dir.join("penstock.db"), Some(Arc::clone(&lock)))?);
        let claims = dir.join("claims.jsonl");
        let claims = Arc::new(ClaimJournal::open(&claims).map_err(io_at(&claims))?);
        let (logs, in_flight, queue) =
            (LogFiles::new(&dir.join("logs")), InFlight::default(), MemoryQueue::default());
        Ok(Self { dir, lock, database, claims, queue, in_flight, logs, clock: Arc::new(SystemClock) })
    }

    fn providers(
        &self,
        settings: &Settings,
        lineage: &Lineage,
        repository: Option<&GitRepository>,
        further: Vec<Further>,
    ) -> Result<Registry, MachineError> {
        let parts = Parts {
            settings,
            logs: &self.logs,
            in_flight: &self.in_flight,
            lineage,
            clock: &self.clock,
            database: &self.database,
        };
        parts.registry(repository, further)
    }

    fn clean_up(&self) -> Result<JoinHandle<()>, MachineError> {
        let objects = Machine::artifacts(&self.dir)?;
        let stored = clean_up::Stored::new(self.database.clone(), objects, self.logs.clone());
        let stored = Arc::new(stored.holding(self.lock.clone()));
        let clean_up = CleanUp::new(
            self.database.clone(),
            stored.clone(),
            self.database.clone(),
            Arc::new(self.queue.clone()),
            self.clock.clone(),
        );
        Ok(tokio::spawn(clean_up::run(clean_up, stored, self.dir.join("cache"), self.clock.clone())))
    }
}
