//! What a container has used so far. (Engine API, "Get container stats based on resource
//! usage".)

use std::time::Duration;

use bollard::models::ContainerStatsResponse;
use bollard::query_parameters::StatsOptions;
use futures_util::StreamExt;

use super::exec;
use super::transport::{Engine, engine_error};
use crate::error::{Error, Result};
use crate::session::Usage;

/// Says the most memory that a container's control group (of version 2, whose statistics
/// leave it out) has had.
const PEAK: &str = "read -r peak </sys/fs/cgroup/memory.peak && echo $peak";

/// Asks the engine, once.
pub async fn usage(engine: &Engine, container: &str) -> Result<Usage> {
    let options = StatsOptions {
        stream: false,
        one_shot: true,
    };
    let answer = engine.docker().stats(container, Some(options)).next().await;
    let stats = answer
        .ok_or_else(|| Error::Protocol("an empty answer for statistics".into()))?
        .map_err(|error| engine_error("container stats", error))?;
    let memory = match stats
        .memory_stats
        .as_ref()
        .and_then(|memory| memory.max_usage)
    {
        Some(peak) => Some(peak),
        None => peak(engine, container).await,
    };
    Ok(Usage {
        cpu: cpu(&stats).ok_or_else(|| Error::Protocol("statistics without a CPU".into()))?,
        memory,
    })
}

fn cpu(stats: &ContainerStatsResponse) -> Option<Duration> {
    let usage = stats.cpu_stats.as_ref()?.cpu_usage.as_ref()?;
    usage.total_usage.map(Duration::from_nanos)
}

async fn peak(engine: &Engine, container: &str) -> Option<u64> {
    let arguments = ["-c", PEAK].map(Into::into).into();
    let answer = exec::shell(engine, container, arguments).await.ok()?;
    answer.trim().parse().ok()
}
