//! How often a password may be tried from one neighbourhood of addresses.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

/// At once; then one every [`REFILL`].
const BURST: NonZeroU32 = NonZeroU32::new(5).expect("five is not zero");
const REFILL: Duration = Duration::from_secs(12);
/// Neighbourhoods that are remembered; beyond it those that have recovered are forgotten.
const REMEMBERED: usize = 4096;

pub(super) struct Throttle {
    limiter: RateLimiter<IpAddr, HashMapStateStore<IpAddr>, DefaultClock>,
    clock: DefaultClock,
}

impl Default for Throttle {
    fn default() -> Self {
        let quota = Quota::with_period(REFILL).expect("the period is not zero").allow_burst(BURST);
        Self { limiter: RateLimiter::hashmap(quota), clock: DefaultClock::default() }
    }
}

impl Throttle {
    /// Counts a try, or says how long to wait.
    pub(super) fn try_from(&self, address: IpAddr) -> Result<(), Duration> {
        if self.limiter.len() > REMEMBERED {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(&neighbourhood(address)).map_err(|not| not.wait_time_from(self.clock.now()))
    }
}

/// One household or server has a whole /64.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(it) => {
            let [a, b, c, d, ..] = it.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        IpAddr::V4(_) => address,
    }
}
