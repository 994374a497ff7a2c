//! Which rooms are those of clients, who is the client there, and what the bot may do.

use anyhow::anyhow;

use crate::backtest::Act;
use crate::chatwork::wire::{Member, RoomKind};
use crate::config::Mode;
use crate::domain::AccountId;
use crate::setup::{self, Account, Rehearsal, RoomChoice, SeenRoom};

use super::{Language, Wizard, harmless};

/// Of a group so many are named in the list.
const SHOWN: usize = 6;
/// Of what the bot would have done so many are shown, the newest.
const EXAMPLES: usize = 8;
/// Characters of a message in the list of them.
const EXCERPT: usize = 40;

impl Wizard<'_> {
    pub(super) async fn rooms(
        &self,
        account: &mut Account,
        owners: &[AccountId],
    ) -> anyhow::Result<Vec<RoomChoice>> {
        let mut chosen = Vec::new();
        for room in &self.arguments.rooms {
            chosen.push(self.by_option(account, room, owners).await?);
        }
        if self.is_asking() && chosen.is_empty() {
            chosen = self.by_question(account, owners).await?;
        }
        Ok(chosen)
    }

    async fn by_option(
        &self,
        account: &mut Account,
        room: &RoomChoice,
        owners: &[AccountId],
    ) -> anyhow::Result<RoomChoice> {
        let t = self.terminal;
        let n = account.position(room.id).ok_or_else(|| {
            anyhow!(
                "{} {} — {}",
                t.words("このアカウントが参加していないルームです:", "the token's account is not in room"),
                room.id,
                t.words(
                    "チャットのアドレスの #!rid のあとの数字をお確かめください",
                    "the id is the number after #!rid in the address of the chat"
                )
            )
        })?;
        account.read_members(n).await.map_err(|error| anyhow!(self.look_words(&error)))?;
        let seen = &account.rooms[n];
        let mut room = RoomChoice { name: Some(seen.room.name.clone()), ..room.clone() };
        let given = [&room.clients, &room.others, &room.bots].into_iter().flatten().flatten();
        let absent: Vec<String> = given
            .filter(|id| !seen.members.iter().any(|it| it.account_id == **id))
            .map(ToString::to_string)
            .collect();
        if !absent.is_empty() {
            return Err(anyhow!(
                "{} {}: {}",
                t.words("ルームに参加していないアカウントです。ルーム", "not among the members of room"),
                room.id,
                absent.join(", ")
            ));
        }
        let is_new = self.base.room(room.id).is_none();
        if is_new && room.clients.is_none() {
            room.clients = Some(seen.likely_clients(owners)).filter(|it| !it.is_empty());
        }
        if is_new && room.mode.is_none() {
            room.mode = Some(Mode::Suggest);
        }
        if room.mode == Some(Mode::Auto) {
            let known = self.base.room(room.id).and_then(|it| it.clients.as_ref());
            let clients = room.clients.as_ref().or(known).cloned().unwrap_or_default();
            let would_have = setup::rehearse(account, seen, &self.base, owners, &clients).await;
            self.show_rehearsal(&would_have.map_err(|error| anyhow!(self.look_words(&error)))?);
        }
        Ok(room)
    }

    async fn by_question(
        &self,
        account: &mut Account,
        owners: &[AccountId],
    ) -> anyhow::Result<Vec<RoomChoice>> {
        let t = self.terminal;
        t.say("");
        t.say(t.words("2. クラウドワークスのお客様とのルーム", "2. the rooms with your CrowdWorks clients"));
        for (n, seen) in account.rooms.iter().enumerate() {
            let mark = if self.base.room(seen.room.room_id).is_some() {
                t.words(" ［登録済み］", " [listed]")
            } else {
                ""
            };
            t.say(&format!("  {:>3}. {}{mark}", n + 1, self.describe(seen, owners)));
        }
        let registered = !self.base.rooms.is_empty();
        let prompt = match registered {
            false => t.words(
                "お客様とのルームの番号（複数は「1,3」。選んだルームだけを読みます）: ",
                "numbers of the clients' rooms (as in 1,3; only these are read): ",
            ),
            true => t.words(
                "追加・変更するルームの番号（Enterで、なし）: ",
                "numbers to add or change (Enter: none): ",
            ),
        };
        let mut numbers = self.asker.numbers(prompt, account.rooms.len()).await?;
        if numbers.is_empty() && !registered {
            let sure = t.words(
                "ルームが選ばれていません。選ばないと、何も記録されません。このまま進みますか？",
                "no room is chosen, so that nothing would be recorded. Go on without?",
            );
            if !self.asker.yes(sure, false).await? {
                numbers = self.asker.numbers(prompt, account.rooms.len()).await?;
            }
        }
        let mut chosen = Vec::new();
        for n in numbers {
            account.read_members(n - 1).await.map_err(|error| anyhow!(self.look_words(&error)))?;
            chosen.push(self.who_and_how(account, n - 1, owners).await?);
        }
        Ok(chosen)
    }

    fn describe(&self, seen: &SeenRoom, owners: &[AccountId]) -> String {
        let t = self.terminal;
        let kind = match seen.room.kind {
            RoomKind::Direct => t.words("個別", "direct"),
            _ => t.words("グループ", "group"),
        };
        let others = seen.others(owners);
        let names: Vec<String> = others.iter().take(SHOWN).map(|it| harmless(&it.name)).collect();
        let more = if others.len() > SHOWN { t.words(" ほか", " …") } else { "" };
        format!("{kind}  {}  [{}{more}]", harmless(&seen.room.name), names.join(t.words("、", ", ")))
    }

    async fn who_and_how(
        &self,
        account: &Account,
        n: usize,
        owners: &[AccountId],
    ) -> anyhow::Result<RoomChoice> {
        let t = self.terminal;
        let seen = &account.rooms[n];
        t.say("");
        t.say(&format!("── {} ──", harmless(&seen.room.name)));
        let others = seen.others(owners);
        let guess = seen.likely_clients(owners);
        let clients = if others.is_empty() { None } else { self.clients(&others, &guess).await? };
        if !seen.may_write() {
            t.say(t.words(
                "このルームは閲覧のみです。記録はできますが、投稿はできません。",
                "in this room the account may only read: it is recorded, nothing is posted",
            ));
        }
        let mode = match &clients {
            _ if !seen.may_write() => Mode::Observe,
            None => {
                t.say(t.words(
                    "お客様が決まるまでは、文案をマイチャットに届けるだけにします（suggest）。",
                    "until it is said who the client is, drafts go to you alone (suggest)",
                ));
                Mode::Suggest
            }
            Some(clients) => {
                let would_have = setup::rehearse(account, seen, &self.base, owners, clients).await;
                self.show_rehearsal(&would_have.map_err(|error| anyhow!(self.look_words(&error)))?);
                self.mode().await?
            }
        };
        Ok(RoomChoice {
            id: seen.room.room_id,
            name: Some(seen.room.name.clone()),
            clients,
            others: None,
            bots: None,
            mode: Some(mode),
        })
    }

    /// `None` where nobody was said to be one: then the room is at most for suggestions.
    async fn clients(
        &self,
        others: &[&Member],
        guess: &[AccountId],
    ) -> anyhow::Result<Option<Vec<AccountId>>> {
        let t = self.terminal;
        if let ([only], [_]) = (others, guess) {
            let question = match t.language {
                Language::Ja => format!("お客様（発注者）は {} さんですね？", harmless(&only.name)),
                Language::En => format!("is {} the client?", harmless(&only.name)),
            };
            return Ok(self.asker.yes(&question, true).await?.then(|| guess.to_vec()));
        }
        for (n, member) in others.iter().enumerate() {
            t.say(&format!("  {:>3}. {} ({})", n + 1, harmless(&member.name), member.account_id));
        }
        let prompt = t.words(
            "お客様（発注者）の番号（Enterで、まだ決めない）: ",
            "who are the clients? (Enter: not said yet) ",
        );
        let numbers = self.asker.numbers(prompt, others.len()).await?;
        let clients: Vec<_> = numbers.iter().map(|n| others[n - 1].account_id).collect();
        Ok(Some(clients).filter(|it| !it.is_empty()))
    }

    /// Before the bot may speak, its owner sees what it would have said.
    fn show_rehearsal(&self, would_have: &Rehearsal) {
        let t = self.terminal;
        t.say(&match t.language {
            Language::Ja => format!(
                "最近の{}件の発言で試すと、自動なら案内を{}回投稿していました（実際には投稿しません）:",
                would_have.looked_at,
                would_have.reminders()
            ),
            Language::En => format!(
                "over the last {} messages, posting by itself it would have reminded {} times (nothing is posted now):",
                would_have.looked_at,
                would_have.reminders()
            ),
        });
        let newest = would_have.shown.iter().rev().take(EXAMPLES).rev();
        for it in newest {
            let act = match it.act {
                Act::Remind => t.words("案内", "reminder"),
                Act::Draft(_) => t.words("文案", "draft"),
                Act::Silent(_) => t.words("何もしない", "nothing"),
                Act::Note => t.words("お知らせ", "note to you"),
            };
            let words: String = harmless(&it.text).chars().take(EXCERPT).collect();
            t.say(&format!("    {}  {act}: {words}", it.at.japan_text()));
        }
    }

    async fn mode(&self) -> anyhow::Result<Mode> {
        let t = self.terminal;
        t.say(t.words("このルームで、ボットは何をしますか？", "what may the bot do in this room?"));
        for (ja, en) in [
            ("    1. 記録だけ（observe）", "    1. record only (observe)"),
            (
                "    2. 記録し、文案をあなたにだけ届ける（suggest、まずはこれがおすすめ）",
                "    2. record, and hand you drafts (suggest; a good start)",
            ),
            (
                "    3. あなたがマイチャットで「承認」したら投稿する（approve）",
                "    3. post when you have said yes (approve)",
            ),
            ("    4. 上のように自動で投稿する（auto）", "    4. post by itself, as shown above (auto)"),
        ] {
            t.say(t.words(ja, en));
        }
        loop {
            let answer = self.asker.line(t.words("番号 [2]: ", "number [2]: ")).await?;
            match answer.as_str() {
                "" | "2" | "２" | "suggest" => return Ok(Mode::Suggest),
                "1" | "１" | "observe" => return Ok(Mode::Observe),
                "3" | "３" | "approve" => return Ok(Mode::Approve),
                "4" | "４" | "auto" => return Ok(Mode::Auto),
                _ => t.say(t.words("1〜4でお答えください。", "please answer 1 to 4")),
            }
        }
    }
}
