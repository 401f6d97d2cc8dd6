//! What was counted, and how it is told.

use std::collections::BTreeMap;
use std::fmt;

use crate::items::Items;
use crate::logs::{FUNCTIONS, Invocation};
use crate::meter::Call;
use crate::units::Units;

/// What some executions did.
pub(crate) struct Counted {
    executions: usize,
    pub(crate) invocations: Vec<Invocation>,
    /// By function and operation: how many calls, and their units.
    table: BTreeMap<(String, String), (usize, Units)>,
}

impl Counted {
    /// All `calls` are needed to know the items; those from the place `begun` on count.
    pub(crate) fn new(executions: usize, invocations: Vec<Invocation>, calls: &[Call], begun: usize) -> Self {
        let invocations = invocations.into_iter().filter(|it| it.function != "sweeper").collect();
        let (mut items, mut table) = (Items::default(), BTreeMap::new());
        for (place, call) in calls.iter().enumerate() {
            let units = Units::of(call, &mut items);
            if place >= begun && call.function != "sweeper" {
                let key = (call.function.clone(), call.operation.clone());
                let (count, sum): &mut (usize, Units) = table.entry(key).or_default();
                *count += 1;
                *sum += units;
            }
        }
        Self { executions, invocations, table }
    }

    pub(crate) fn executions(&self) -> f64 {
        number(self.executions)
    }

    /// The sum of `counts` by the number of executions.
    pub(crate) fn per_execution(&self, counts: impl Iterator<Item = usize>) -> f64 {
        number(counts.sum()) / self.executions()
    }

    /// Invocations.
    pub(crate) fn requests(&self) -> f64 {
        self.per_execution(std::iter::once(self.invocations.len()))
    }

    /// Invocations of a function.
    pub(crate) fn of(&self, function: &str) -> f64 {
        self.per_execution(self.invocations.iter().map(|it| usize::from(it.function == function)))
    }

    /// Calls of an operation, `Service.Operation`.
    pub(crate) fn calls(&self, operation: &str) -> f64 {
        self.per_execution(self.all_calls().map(|call| usize::from(call == operation)))
    }

    /// Calls of what begins so.
    pub(crate) fn calls_of(&self, prefix: &str) -> f64 {
        self.per_execution(self.all_calls().map(|call| usize::from(call.starts_with(prefix))))
    }

    fn all_calls(&self) -> impl Iterator<Item = &str> {
        self.invocations.iter().flat_map(|it| it.calls.iter().map(String::as_str))
    }

    /// Invocations of `transition` by its queue: the others are by calls.
    pub(crate) fn queued_commands(&self) -> f64 {
        self.of("transition") - self.calls("Lambda.Invoke")
    }

    /// Sends to the FIFO queue, and to the others: `transition` and `observer` send to workers, the others to `transition`.
    pub(crate) fn sends(&self) -> (f64, f64) {
        let to_workers =
            |invocation: &&Invocation| matches!(invocation.function.as_str(), "transition" | "observer");
        let sends = |invocation: &Invocation| {
            invocation.calls.iter().filter(|call| call.starts_with("SQS.SendMessage")).count()
        };
        let workers = self.per_execution(self.invocations.iter().filter(to_workers).map(sends));
        let all = self.per_execution(self.invocations.iter().map(sends));
        (all - workers, workers)
    }

    /// Units of an execution.
    pub(crate) fn units(&self) -> Units {
        let mut units = Units::default();
        for (_, sum) in self.table.values() {
            units += *sum;
        }
        Units { write: units.write / self.executions(), read: units.read / self.executions() }
    }

    /// How many calls each transition made, in order.
    fn transitions(&self) -> Vec<usize> {
        let of_transition = self.invocations.iter().filter(|it| it.function == "transition");
        let mut calls: Vec<usize> = of_transition.map(|it| it.calls.len()).collect();
        calls.sort_unstable();
        calls
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls = self.transitions();
        let at = |percent: usize| calls[(calls.len() * percent / 100).min(calls.len() - 1)];
        writeln!(f, "{} executions of five stages, {} transitions.", self.executions, calls.len())?;
        writeln!(
            f,
            "AWS calls a transition: median {}, p99 {}, most {}, mean {:.2}.",
            at(50),
            at(99),
            at(100),
            number(calls.iter().sum()) / number(calls.len())
        )?;
        writeln!(
            f,
            "An execution: {:.0} AWS calls, {:.1} write units, {:.1} read units (from items' bytes).\n",
            self.per_execution(self.invocations.iter().map(|it| it.calls.len())),
            self.units().write,
            self.units().read
        )?;
        let logged = self.all_calls().filter(|call| call.starts_with("DynamoDB.")).count();
        let metered: usize = self.table.values().map(|(count, _)| count).sum();
        if logged != metered {
            // The emulator forgets old events of a log group; a total without them would look too good.
            writeln!(
                f,
                "INCOMPLETE: the meter saw {metered} calls of DynamoDB and the logs have {logged}; dollars are not to be trusted.\n"
            )?;
        }
        self.functions(f)?;
        self.operations(f)?;
        self.patterns(f)
    }
}

impl Counted {
    fn functions(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| function | invocations an execution | AWS calls | write units | read units | log bytes |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|")?;
        for function in FUNCTIONS {
            let its = || self.invocations.iter().filter(move |it| it.function == function);
            let mut units = Units::default();
            for (_, sum) in self.table.iter().filter(|((name, _), _)| name == function).map(|(_, it)| it) {
                units += *sum;
            }
            writeln!(
                f,
                "| {function} | {:.1} | {:.1} | {:.1} | {:.1} | {:.0} |",
                self.of(function),
                self.per_execution(its().map(|it| it.calls.len())),
                units.write / self.executions(),
                units.read / self.executions(),
                self.per_execution(its().map(|it| it.bytes)),
            )?;
        }
        writeln!(f)
    }

    fn operations(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut operations: BTreeMap<&str, usize> = BTreeMap::new();
        for call in self.all_calls() {
            *operations.entry(call).or_default() += 1;
        }
        writeln!(f, "| call | an execution |\n|---|---|")?;
        for (call, count) in operations {
            writeln!(f, "| {call} | {:.1} |", number(count) / self.executions())?;
        }
        writeln!(f)?;
        writeln!(f, "| metered | an execution | write units | read units |\n|---|---|---|---|")?;
        for ((function, operation), (count, units)) in &self.table {
            let [count, write, read] =
                [number(*count), units.write, units.read].map(|it| it / self.executions());
            writeln!(f, "| {function} {operation} | {count:.1} | {write:.1} | {read:.1} |")?;
        }
        writeln!(f)
    }

    /// What transitions call, and how often so.
    fn patterns(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut patterns: BTreeMap<String, usize> = BTreeMap::new();
        for invocation in self.invocations.iter().filter(|it| it.function == "transition") {
            *patterns.entry(invocation.calls.join(", ")).or_default() += 1;
        }
        writeln!(f, "| a transition calls | an execution |\n|---|---|")?;
        for (pattern, count) in patterns {
            writeln!(f, "| {pattern} | {:.1} |", number(count) / self.executions())?;
        }
        writeln!(f)
    }
}

fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}
