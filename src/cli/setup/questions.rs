//! Everything that is asked beside the rooms: the owner, the way in, quiet hours, the time stamps.

use anyhow::anyhow;

use crate::chatwork::wire::RoomKind;
use crate::config::QuietHours;
use crate::domain::{AccountId, RoomId};
use crate::setup::{Account, Choices};

use super::{Wizard, harmless};

/// Answers without an account; the default file names it too.
const AUTHORITY: &str = "http://timestamp.digicert.com";
const NIGHT: &str = "22:00-07:00";
/// Chatwork gives an account so many webhook settings.
const MOST_WEBHOOKS: usize = 5;

impl Wizard<'_> {
    pub(super) async fn owner(&self, account: &Account, choices: &mut Choices) -> anyhow::Result<()> {
        let t = self.terminal;
        if !self.arguments.owners.is_empty() {
            choices.owners = Some(self.arguments.owners.iter().copied().map(AccountId).collect());
        }
        choices.control_room = self.arguments.control_room.map(RoomId);
        if let Some(room) =
            choices.control_room.filter(|it| account.position(*it).is_none() && *it != account.me.room_id)
        {
            return Err(anyhow!("the token's account is not in room {room}, which --control-room names"));
        }
        if !self.is_asking() || self.existing.is_some() || choices.owners.is_some() {
            return Ok(());
        }
        let question = match t.language {
            super::Language::Ja => {
                format!("ボットが助けるのは {} さんご本人ですか？", harmless(&account.me.name))
            }
            super::Language::En => {
                format!("is {} the person whom the bot serves?", harmless(&account.me.name))
            }
        };
        if self.asker.yes(&question, true).await? {
            return Ok(());
        }
        // A separate account of the bot: its owner sits with it in a room of two.
        t.say(t.words(
            "トークンがボット専用のアカウントのものなら、ご本人とそのアカウントだけのルームを選んでください。連絡はそこに届きます。",
            "where the token belongs to an account of the bot's own, choose the room with you and it alone; it talks to you there",
        ));
        let direct: Vec<_> = account.rooms.iter().filter(|it| it.room.kind == RoomKind::Direct).collect();
        for (n, seen) in direct.iter().enumerate() {
            t.say(&format!("  {:>3}. {}", n + 1, harmless(&seen.room.name)));
        }
        let numbers = self.asker.numbers(t.words("番号: ", "number: "), direct.len()).await?;
        let [n] = numbers[..] else {
            return Err(anyhow!(t.words(
                "ご本人とのルームが選ばれませんでした。ボットのアカウントと個別チャットを作ってから、もう一度お試しください",
                "no room with the owner was chosen; make a direct chat with the bot's account, then run setup again"
            )));
        };
        let seen = direct[n - 1];
        let owners = seen.others(&[account.me.account_id]).iter().map(|it| it.account_id).collect::<Vec<_>>();
        if owners.len() != 1 {
            return Err(anyhow!("room {} has other members than the owner and the bot", seen.room.room_id));
        }
        choices.owners = Some(owners);
        choices.control_room = Some(seen.room.room_id);
        Ok(())
    }

    pub(super) async fn webhook(&self, account: &Account, choices: &mut Choices) -> anyhow::Result<()> {
        let t = self.terminal;
        choices.webhook_tokens = self.arguments.webhook_tokens()?;
        choices.public_url = self.arguments.public_url.clone();
        if !self.is_asking() || choices.public_url.is_some() {
            return Ok(());
        }
        t.say("");
        t.say(t.words("3. 新しいメッセージの受け取り方", "3. how new messages come in"));
        t.say(t.words(
            "  公開アドレスがなくても、30秒ごとに読み取って動きます（ノートパソコンなら、これで十分です）。",
            "  without a public address the rooms are read every 30 seconds (right for a laptop)",
        ));
        let current = self.base.server.public_url.as_deref();
        if let Some(url) = current {
            t.say(&format!("  {} {url}", t.words("いまの公開アドレス:", "public address now:")));
        }
        let question = match current {
            None => t.words(
                "公開アドレス（https）があり、Webhookも使いますか？",
                "is there a public https address, for webhooks as well?",
            ),
            Some(_) => t.words("Webhookの設定を変えますか？", "change what concerns webhooks?"),
        };
        if !self.asker.yes(question, false).await? {
            return Ok(());
        }
        let prompt = t.words(
            "Chatworkが呼ぶアドレス（例: https://bot.example.jp/webhook）: ",
            "the address that Chatwork calls (as in https://bot.example.jp/webhook): ",
        );
        let url = self.asker.line(prompt).await?;
        if url.is_empty() {
            return Ok(());
        }
        self.webhook_tokens(account, choices, &url).await?;
        choices.public_url = Some(url);
        Ok(())
    }

    /// What to click, room by room, and the token that comes of it.
    async fn webhook_tokens(
        &self,
        account: &Account,
        choices: &mut Choices,
        url: &str,
    ) -> anyhow::Result<()> {
        let t = self.terminal;
        t.say(t.words(
            "Chatworkで、ルームごとに次のように作ってください（1つのWebhookが見るのは1ルームだけです）:",
            "in Chatwork, for each room (one webhook watches one room):",
        ));
        t.say(t.words(
            "  右上の自分の名前 →「サービス連携」→「Webhook」→「新規作成」",
            "  your name → サービス連携 → Webhook → 新規作成",
        ));
        let mut tokens = self.base.chatwork.webhook_tokens.clone();
        let listed = self.base.rooms.iter().map(|it| it.id);
        let mut rooms: Vec<RoomId> = choices.rooms.iter().map(|it| it.id).collect();
        rooms.extend(listed.filter(|it| !choices.rooms.iter().any(|room| room.id == *it)));
        if !tokens.is_empty() {
            t.say(t.words(
                "  （登録済みのトークンは残ります。作成済みのルームはEnterで飛ばしてください）",
                "  (tokens that are configured stay; pass over rooms that have a webhook with Enter)",
            ));
        }
        for room in rooms.into_iter().take(MOST_WEBHOOKS) {
            t.say("");
            t.say(&format!("  ・Webhook名: karibarai {room}"));
            t.say(&format!("  ・Webhook URL: {url}"));
            t.say(t.words(
                "  ・イベント:「ルームイベント」を選び、「メッセージ作成」と「メッセージ更新」にチェック",
                "  ・イベント: ルームイベント, with メッセージ作成 and メッセージ更新 ticked",
            ));
            t.say(&format!("  ・ルームID: {room}  ({})", self.room_name(account, room)));
            let prompt = t.words(
                "  「作成」を押し、表示されたトークンを貼り付けてEnter（画面には出ません。飛ばすときはEnterだけ）: ",
                "  press 作成, paste the token that appears (not shown; Enter alone passes over): ",
            );
            while let Some(token) = self.asker.secret(prompt).await? {
                if crate::chatwork::signature::sign(&token, b"").is_some() {
                    tokens.push(token);
                    break;
                }
                t.say(t.words(
                    "× Webhookのトークンではないようです。編集画面の「トークン」をコピーし直してください。",
                    "× this is no webhook token; copy it again from the webhook's edit page",
                ));
            }
        }
        choices.webhook_tokens = Some(tokens);
        Ok(())
    }

    pub(super) async fn quiet_hours(&self, choices: &mut Choices) -> anyhow::Result<()> {
        let t = self.terminal;
        choices.quiet_hours = self.arguments.quiet_hours.as_ref().map(|it| hours(it));
        if !self.is_asking() || choices.quiet_hours.is_some() {
            return Ok(());
        }
        t.say("");
        let (prompt, default) = match &self.existing {
            None => (
                t.words(
                    "4. 投稿しない時間帯（日本時間） [22:00-07:00]、なければ「なし」: ",
                    "4. when nothing is posted (Japan time) [22:00-07:00], or none: ",
                ),
                Some(NIGHT),
            ),
            Some(_) => (
                t.words(
                    "4. 投稿しない時間帯を変えるなら「22:00-07:00」のように（Enterで、そのまま）: ",
                    "4. other hours without posts, as in 22:00-07:00 (Enter: as before): ",
                ),
                None,
            ),
        };
        loop {
            let answer = self.asker.line(prompt).await?;
            if answer.is_empty() {
                choices.quiet_hours = default.map(str::to_owned);
                return Ok(());
            }
            let answer = hours(&answer);
            if answer.is_empty() || QuietHours::parse(&answer).is_some() {
                choices.quiet_hours = Some(answer);
                return Ok(());
            }
            t.say(t.words("「22:00-07:00」の形でお書きください。", "write it as in 22:00-07:00"));
        }
    }

    pub(super) async fn authorities(&self, choices: &mut Choices) -> anyhow::Result<()> {
        let t = self.terminal;
        if !self.arguments.authorities.is_empty() {
            choices.authorities = Some(self.arguments.authorities.clone());
        }
        if !self.is_asking() || choices.authorities.is_some() || !self.base.anchor.authorities.is_empty() {
            return Ok(());
        }
        t.say("");
        t.say(t.words(
            "5. 時刻認証局: 1日1回、記録の要約のハッシュだけを外部に送り、その時点で記録があったことを証明してもらえます。",
            "5. time stamps: once a day only a hash of the record goes to an authority, which confirms when it existed.",
        ));
        t.say(t.words("   発言の内容や名前は送りません。", "   No message and no name is sent."));
        let question =
            t.words("時刻認証局（timestamp.digicert.com）を使いますか？", "use timestamp.digicert.com?");
        if self.asker.yes(question, false).await? {
            choices.authorities = Some(vec![AUTHORITY.to_owned()]);
        }
        Ok(())
    }
}

/// As the configuration spells it.
fn hours(answer: &str) -> String {
    let folded: String = answer
        .trim()
        .chars()
        .map(|it| match it {
            '：' => ':',
            '〜' | '～' | '−' | '－' => '-',
            digit => char::from_digit(u32::from(digit).wrapping_sub(u32::from('０')), 10).unwrap_or(digit),
        })
        .collect();
    if ["none", "なし", "無し"].contains(&folded.to_lowercase().as_str()) {
        String::new()
    } else {
        folded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_read_as_people_write_them() {
        assert_eq!(hours("２２：００〜０７：００"), "22:00-07:00");
        assert_eq!((hours(" なし ").as_str(), hours("None").as_str()), ("", ""));
    }
}
