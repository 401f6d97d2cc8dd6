//! The queues: FIFO for commands, standard ones for the work that is owed.
