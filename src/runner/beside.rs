//! More sessions in a runner's container, each with a leash of its own.

use std::sync::Arc;

use tokio::io::split;
use uuid::Uuid;

use super::Runner;
use crate::engine::exec::{self, SessionOptions};
use crate::engine::transport::Engine;
use crate::engine::{container, frames};
use crate::error::{Error, Result};
use crate::session::tap::Tap;
use crate::session::{Beside, Session, Wiring, termination};

impl Runner {
    /// Opens another shell in the running container, beside the first: with its own queue,
    /// directory and variables. `tap` takes the output that belongs to no result. It ends
    /// with the runner's container at the latest.
    pub async fn session(
        &self,
        options: &str,
        tap: Tap,
        ended: impl FnOnce(Error) + Send + 'static,
    ) -> Result<Arc<Session>> {
        let options = SessionOptions::parse(options)?;
        let (engine, id) = self.place("session()")?;
        let hello = Uuid::new_v4();
        let (_, connection) = exec::attach(&engine, &id, options.config(&hello)).await?;
        let (output, input) = split(connection);
        let dead = container::died(engine.clone(), id.clone());
        let autopsy = async {
            dead.await
                .unwrap_or_else(|| Error::Lost("its leash was killed".into()))
        };
        let wiring = Wiring {
            output: frames::multiplexed(output),
            input,
            hello,
            beside: beside(engine, id),
            autopsy: Box::pin(autopsy),
            tap,
            terminal: None,
        };
        let session = Arc::new(Session::open(wiring, ended).await?);
        let mut front = self.front();
        front.sessions.retain(|other| other.strong_count() > 0);
        front.sessions.push(Arc::downgrade(&session));
        Ok(session)
    }

    /// Ends a session, and all that its commands have started and that still descends from
    /// it.
    pub async fn close(&self, session: &Session) -> Result<()> {
        let reason = Error::Stopped(", or this session of it closed");
        session.expect_end(reason.clone());
        if let Ok((engine, id)) = self.place("close()") {
            exec::shell(&engine, &id, termination::kill_below(session.leader())).await?;
        }
        session.close(reason);
        session.ended().await;
        Ok(())
    }
}

/// Runs scripts in the container, beside its sessions.
pub(super) fn beside(engine: Engine, id: String) -> Beside {
    Arc::new(move |arguments| {
        let (engine, id) = (engine.clone(), id.clone());
        Box::pin(async move { exec::shell(&engine, &id, arguments).await })
    })
}
