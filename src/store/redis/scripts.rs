//! What Redis does at one stroke.

use redis::Script;

/// Every script; each is sent once to a server, and called by its hash from then on.
pub(super) struct Scripts {
    pub(super) open: Script,
    pub(super) withdraw: Script,
    pub(super) end: Script,
    pub(super) ended: Script,
    pub(super) sweep: Script,
    pub(super) count: Script,
    pub(super) keep_login: Script,
    pub(super) take_login: Script,
}

impl Scripts {
    /// For one database; endings are published by this channel.
    pub(super) fn new(channel: &str) -> Self {
        let prelude = include_str!("scripts/prelude.lua");
        let script =
            |text: &str| Script::new(&format!("local CHANNEL = '{channel}'\n{prelude}\n{text}"));
        Self {
            open: script(include_str!("scripts/open.lua")),
            withdraw: script(include_str!("scripts/withdraw.lua")),
            end: script(include_str!("scripts/end.lua")),
            ended: script(include_str!("scripts/ended.lua")),
            sweep: script(include_str!("scripts/sweep.lua")),
            count: script(include_str!("scripts/count.lua")),
            keep_login: script(include_str!("scripts/keep_login.lua")),
            take_login: script(include_str!("scripts/take_login.lua")),
        }
    }
}
