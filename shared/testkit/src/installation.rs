//! All use cases over fakes, wired as a real installation wires them.

use std::sync::Arc;

use penstock_app::admission::Admission;
use penstock_app::approvals::{ApprovalKey, Approvals};
use penstock_app::base_url::BaseUrl;
use penstock_app::control::Control;
use penstock_app::delivery::Deliveries;
use penstock_app::dispatch::Dispatch;
use penstock_app::dispatch::anticipation::Anticipation;
use penstock_app::notify::Notify;
use penstock_app::port::claims::Claims;
use penstock_app::port::clock::Clock;
use penstock_app::port::logs::Logs;
use penstock_app::port::notifier::Notifier;
use penstock_app::port::outputs::Outputs;
use penstock_app::port::provider::{Provider, Providers};
use penstock_app::port::queue::Queue;
use penstock_app::port::repository::Repository;
use penstock_app::port::store::Store;
use penstock_app::query::Query;
use penstock_app::reach::Reach;
use penstock_app::sweep::Sweep;
use penstock_app::transition::Transition;
use penstock_app::worker::Worker;

use crate::fake::{
    FakeProvider, FakeProviders, FakeRepository, ManualClock, MemoryClaims, MemoryLogs, MemoryOutputs,
    MemoryQueue, MemoryStore, RecordingNotifier,
};
use crate::fault::{Faults, Faulty};

/// The commit that the repository of [`Fakes`] contains.
pub const COMMIT: &str = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00";

/// The fakes behind an installation, to look into and to set.
#[derive(Clone)]
pub struct Fakes {
    /// The clock.
    pub clock: Arc<ManualClock>,
    /// The store.
    pub store: Arc<MemoryStore>,
    /// The queue.
    pub queue: Arc<MemoryQueue>,
    /// The claims.
    pub claims: Arc<MemoryClaims>,
    /// The outputs.
    pub outputs: Arc<MemoryOutputs>,
    /// The logs.
    pub logs: Arc<MemoryLogs>,
    /// The notifier.
    pub notifier: Arc<RecordingNotifier>,
    /// What performs every action.
    pub provider: Arc<FakeProvider>,
}

impl Fakes {
    /// Empty fakes with this provider.
    pub fn new(provider: FakeProvider) -> Self {
        Self {
            clock: Arc::default(),
            store: Arc::default(),
            queue: Arc::default(),
            claims: Arc::default(),
            outputs: Arc::default(),
            logs: Arc::default(),
            notifier: Arc::default(),
            provider: Arc::new(provider),
        }
    }
}

/// All use cases, and the fakes behind them.
pub struct Installation {
    /// The fakes.
    pub fakes: Fakes,
    /// The only writer of state.
    pub transition: Arc<Transition>,
    /// Carries out what is owed.
    pub dispatch: Arc<Dispatch>,
    /// Handles messages.
    pub worker: Worker,
    /// Approvals.
    pub approvals: Arc<Approvals>,
    /// People's commands.
    pub control: Arc<Control>,
    /// What people look at.
    pub query: Arc<Query>,
    /// Webhooks.
    pub deliveries: Arc<Deliveries>,
    /// Notices.
    pub notify: Notify,
    /// Finds what is due.
    pub sweep: Sweep,
}

/// The ports that the use cases are wired to: the fakes themselves, with faults, or a real adapter here and there.
pub struct Ports {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// State.
    pub store: Arc<dyn Store>,
    /// Messages.
    pub queue: Arc<dyn Queue>,
    /// Who works on what.
    pub claims: Arc<dyn Claims>,
    /// Output variables.
    pub outputs: Arc<dyn Outputs>,
    /// What performs actions.
    pub providers: Arc<dyn Providers>,
    /// Whom to tell.
    pub notifier: Arc<dyn Notifier>,
}

impl Ports {
    /// The ports of `fakes`, whose calls fail as `faults` has it.
    pub fn faulty(fakes: &Fakes, faults: &Arc<Faults>) -> Self {
        let provider: Arc<dyn Provider> = Faulty::new(fakes.provider.clone(), faults);
        Self {
            clock: fakes.clock.clone(),
            store: Faulty::new(fakes.store.clone(), faults),
            queue: Faulty::new(fakes.queue.clone(), faults),
            claims: Faulty::new(fakes.claims.clone(), faults),
            outputs: Faulty::new(fakes.outputs.clone(), faults),
            providers: Arc::new(FakeProviders::new(provider)),
            notifier: Faulty::new(fakes.notifier.clone(), faults),
        }
    }
}

/// Everything succeeds at once.
impl Default for Installation {
    fn default() -> Self {
        Self::new(FakeProvider::default())
    }
}

impl Installation {
    /// An installation where nothing fails but what `provider` is told to fail.
    pub fn new(provider: FakeProvider) -> Self {
        let fakes = Fakes::new(provider);
        let ports = Ports {
            clock: fakes.clock.clone(),
            store: fakes.store.clone(),
            queue: fakes.queue.clone(),
            claims: fakes.claims.clone(),
            outputs: fakes.outputs.clone(),
            providers: Arc::new(FakeProviders::new(fakes.provider.clone())),
            notifier: fakes.notifier.clone(),
        };
        Self::wire(fakes, ports)
    }

    /// One process over `fakes` whose calls to the outside fail as `faults` has it, and whose clock is `clock`.
    pub fn faulty(fakes: &Fakes, faults: &Arc<Faults>, clock: Arc<dyn Clock>) -> Self {
        Self::wire(fakes.clone(), Ports { clock, ..Ports::faulty(fakes, faults) })
    }

    /// All use cases over `ports`; what of `fakes` stands in no port is not used.
    pub fn wire(fakes: Fakes, ports: Ports) -> Self {
        let Ports { clock, store, queue, claims, outputs, providers, notifier } = ports;
        let logs: Arc<dyn Logs> = fakes.logs.clone();
        let repository: Arc<dyn Repository> = Arc::new(FakeRepository(vec![COMMIT.to_owned()]));
        let base_url = BaseUrl::new("http://penstock.example");
        let anticipation = Anticipation::new(outputs.clone(), providers.clone());
        let transition = Transition::new(store.clone(), queue, clock.clone()).anticipating(anticipation);
        let transition = Arc::new(transition);
        let dispatch = Arc::new(Dispatch::new(
            transition.clone(),
            store.clone(),
            claims,
            outputs.clone(),
            providers.clone(),
            clock.clone(),
        ));
        let key = ApprovalKey::new([7; 32]);
        let approvals = Arc::new(Approvals::new(
            key,
            store.clone(),
            outputs.clone(),
            transition.clone(),
            clock.clone(),
            base_url.clone(),
        ));
        let admission = Arc::new(Admission::new(transition.clone(), providers));
        let control = Arc::new(Control::new(
            transition.clone(),
            store.clone(),
            admission.clone(),
            approvals.clone(),
            clock.clone(),
        ));
        let query = Query::new(store.clone(), outputs.clone(), approvals.clone(), logs, transition.changes());
        Self {
            fakes,
            worker: Worker::new(transition.clone(), dispatch.clone()),
            deliveries: Arc::new(Deliveries::new(admission.clone(), store.clone(), repository)),
            notify: Notify::new(store.clone(), Arc::new(approvals.clone()), notifier, Reach::Open(base_url)),
            sweep: Sweep::new(transition.clone(), store, clock),
            query: Arc::new(query),
            transition,
            dispatch,
            approvals,
            control,
        }
    }

    /// Deliveries as a stack takes them: what cannot reach a pipeline goes into the queue once more. Repositories are all
    /// hosted.
    pub fn deliveries_handing_over(&self) -> Deliveries {
        self.deliveries_out_of(self.fakes.store.clone())
    }

    /// The same to the pipelines as `store` reads them.
    pub fn deliveries_out_of(&self, store: Arc<dyn Store>) -> Deliveries {
        let providers = Arc::new(FakeProviders::new(self.fakes.provider.clone()));
        let admission = Arc::new(Admission::new(self.transition.clone(), providers));
        let repository = Arc::new(FakeRepository(vec![COMMIT.to_owned()]));
        Deliveries::new(admission, store, repository).handing_over(self.fakes.queue.clone())
    }

    /// Handles messages until there are no more.
    ///
    /// # Panics
    /// If one cannot be handled.
    pub async fn settle(&self) {
        while let Some(message) = self.fakes.queue.take() {
            self.worker.handle(message).await.expect("handling a message");
        }
    }
}
