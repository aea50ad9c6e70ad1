//! The shape of an aggregate: two pure functions. Implemented by each aggregate, called by the write path, never by adapters.

/// An aggregate as a pair of pure functions over its state.
///
/// `decide` answers the events that a command causes; an empty list means "already so". `evolve` applies one event.
/// Neither reads a clock, draws a random number or does I/O.
pub trait Decider {
    type Command;
    type Event;
    type State: Default;
    type Rejection;

    fn decide(command: Self::Command, state: &Self::State) -> Result<Vec<Self::Event>, Self::Rejection>;
    fn evolve(state: Self::State, event: &Self::Event) -> Self::State;
}

/// The given/when/then kit: `given::<D>([events]).when(command).then([events])`.
#[cfg(test)]
pub mod kit {
    use super::Decider;

    pub struct Given<D: Decider>(pub D::State);

    pub fn given<D: Decider>(history: impl IntoIterator<Item = D::Event>) -> Given<D> {
        Given(history.into_iter().fold(D::State::default(), |state, event| D::evolve(state, &event)))
    }

    pub struct Outcome<D: Decider>(pub Result<Vec<D::Event>, D::Rejection>);

    impl<D: Decider> Given<D> {
        pub fn when(self, command: D::Command) -> Outcome<D> {
            Outcome(D::decide(command, &self.0))
        }
    }

    impl<D: Decider> Outcome<D>
    where
        D::Event: PartialEq + std::fmt::Debug,
        D::Rejection: PartialEq + std::fmt::Debug,
    {
        #[track_caller]
        pub fn then(self, events: impl IntoIterator<Item = D::Event>) {
            assert_eq!(self.0, Ok(events.into_iter().collect()));
        }

        #[track_caller]
        pub fn then_rejected(self, rejection: D::Rejection) {
            assert_eq!(self.0, Err(rejection));
        }
    }
}
