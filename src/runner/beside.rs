//! More sessions in a runner's container, each with a leash of its own.

use std::sync::Arc;

use tokio::io::split;

use super::{Runner, why};
use crate::engine::exec::{self, SessionOptions};
use crate::engine::transport::Engine;
use crate::engine::{container, frames};
use crate::error::{Error, Result};
use crate::session::tap::Tap;
use crate::session::token::Token;
use crate::session::{Beside, Session, Wiring, termination};

impl Runner {
    /// Opens another shell in the running container, beside the first: with its own queue,
    /// directory and variables; gives whose it is, too. `tap` takes the output that belongs to no result. It ends
    /// with the runner's container at the latest.
    pub async fn session(
        &self,
        options: &str,
        tap: Tap,
        ended: impl FnOnce(Error) + Send + 'static,
    ) -> Result<(Arc<Session>, Option<String>)> {
        let options = SessionOptions::parse(options)?;
        let (engine, id) = self.place("session()")?;
        let given_up = self.given_up.subscribe();
        let opened = self.open_beside(engine, id, options, tap, ended).await;
        opened.map_err(|error| why(&given_up, error))
    }

    async fn open_beside(
        &self,
        engine: Engine,
        id: String,
        options: SessionOptions,
        tap: Tap,
        ended: impl FnOnce(Error) + Send + 'static,
    ) -> Result<(Arc<Session>, Option<String>)> {
        let hello = Token::fresh();
        let user = options.user().map(str::to_owned);
        let beside = beside(engine.clone(), id.clone(), options.user());
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
            beside,
            autopsy: Box::pin(autopsy),
            tap,
            first: false,
            terminal: None,
        };
        let session = Arc::new(Session::open(wiring, ended).await?);
        let mut front = self.front();
        front.sessions.retain(|other| other.strong_count() > 0);
        front.sessions.push(Arc::downgrade(&session));
        Ok((session, user))
    }

    /// Ends a session, and all that its commands have started and that still descends from
    /// it.
    pub async fn close(&self, session: &Session) -> Result<()> {
        let reason = Error::Stopped(", or this session of it closed");
        session.expect_end(reason.clone());
        if self.place("close()").is_ok() {
            session
                .beside(termination::kill_below(session.leader()))
                .await?;
        }
        session.close(reason);
        session.ended().await;
        Ok(())
    }
}

/// Runs scripts in the container, beside a session: as its user, who may signal its processes.
pub(super) fn beside(engine: Engine, id: String, user: Option<&str>) -> Beside {
    let user = user.map(str::to_owned);
    Arc::new(move |arguments| {
        let (engine, id, user) = (engine.clone(), id.clone(), user.clone());
        Box::pin(async move { exec::shell(&engine, &id, user.as_deref(), arguments).await })
    })
}
