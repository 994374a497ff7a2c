//! The end of `setup`: what the reminder looks like, the last question, the files, one delivery, the way to the pages.

use anyhow::Context as _;

use crate::app::load_templates;
use crate::config::Config;
use crate::domain::{AccountId, MessageId};
use crate::reply::template::{ReminderContext, ReminderForm};
use crate::review;
use crate::setup::{self, Account, Choices, Proof, ProofError, Public, Way, Written};

use super::{Busy, Exit, Language, TOKEN_FILE, Wizard, harmless, login_link, start, webhook_file};

impl Wizard<'_> {
    /// As it would stand in the first room.
    pub(super) fn preview(&self, config: &Config, account: &Account) -> anyhow::Result<()> {
        let t = self.terminal;
        let Some(room) = config.rooms.first() else { return Ok(()) };
        let client = room.clients.as_deref().and_then(|it| it.first()).copied();
        let seen = account.position(room.id).map(|n| &account.rooms[n]);
        let name = client.and_then(|id| seen?.members.iter().find(|it| it.account_id == id));
        let Some(message) = MessageId::new("1") else { return Ok(()) };
        let text = load_templates(&config.templates.files)?.render_reminder(&ReminderContext {
            room: room.id,
            message: &message,
            account: client.unwrap_or(AccountId(0)),
            sender_name: name.map(|it| it.name.as_str()),
            automatic_line: config.reply_for(room.id, None).automatic_line,
            start_before_escrow: false,
            form: ReminderForm::default(),
        });
        t.say("");
        t.say(t.words(
            "新しい依頼があったときの案内は、次のような文です（変更は docs/operations.md）:",
            "the reminder at a new request:",
        ));
        // It begins with Chatwork's notation of the reply, which nobody sees.
        let words = text.split_once(']').map_or(text.as_str(), |(_, words)| words);
        for line in words.lines() {
            t.say(&format!("   │ {}", harmless(line)));
        }
        Ok(())
    }

    pub(super) async fn agree(&self, text: &str, choices: &Choices) -> anyhow::Result<bool> {
        let t = self.terminal;
        if !self.is_asking() {
            return Ok(true);
        }
        t.say("");
        let unchanged = self.existing.as_ref().is_some_and(|it| it.text == text);
        if unchanged && choices.api_token.is_none() && choices.webhook_tokens.is_none() {
            t.say(t.words("変更はありません。", "nothing changes."));
            return Ok(true);
        }
        t.say(&format!("{} {}", t.words("書き込む場所:", "to be written:"), self.target.display()));
        let old: Vec<&str> = self.existing.as_ref().map(|it| it.text.lines().collect()).unwrap_or_default();
        for line in text.lines().filter(|it| !it.is_empty() && !it.starts_with('#') && !old.contains(it)) {
            t.say(&format!("   + {}", harmless(line)));
        }
        let question = match self.existing {
            None => t.words("この内容で書き込みますか？", "write this?"),
            Some(_) => t.words("いまの設定ファイルを書き換えますか？", "change the file that is there?"),
        };
        self.asker.yes(question, true).await
    }

    pub(super) fn write(&self, text: &str, choices: &Choices) -> anyhow::Result<()> {
        let t = self.terminal;
        let folder = self.folder();
        let path = self.cwd.join(&self.target);
        let mut secrets = Vec::new();
        if let Some(token) = &choices.api_token {
            secrets.push((folder.join(TOKEN_FILE), token));
        }
        for (n, token) in choices.webhook_tokens.iter().flatten().enumerate() {
            secrets.push((folder.join(webhook_file(n)), token));
        }
        setup::write(&Written { config: (&path, text), secrets })?;
        self.written.set(true);
        t.say(&format!("{} {}", t.words("○ 設定を書き込みました:", "○ written:"), self.target.display()));
        Ok(())
    }

    pub(super) async fn prove(&self, config: Config, owner_is_token: bool) -> anyhow::Result<Exit> {
        let t = self.terminal;
        if self.arguments.no_proof {
            t.say(t.words("動作の確認は行っていません。", "the bot was not tried out."));
            return Ok(Exit::Done);
        }
        t.say("");
        t.say(t.words(
            "マイチャット（連絡用のルーム）だけを使って、動くことを確かめます。お客様のルームには何も投稿しません。",
            "the bot is tried out in the control room alone; nothing is posted in a client's room",
        ));
        let way = if owner_is_token { Way::Post } else { Way::Owner };
        if way == Way::Owner {
            t.say(t.words(
                "連絡用のルームに「ヘルプ」と書いてください（5分待ちます）。",
                "write ヘルプ in the control room now (waiting five minutes)",
            ));
        }
        let busy = Busy::begin(t.words("確認しています", "trying"));
        let proof = setup::prove(config.clone(), start::outside(), way).await;
        drop(busy);
        let good = match proof {
            Ok(proof) => {
                self.proven(&proof);
                true
            }
            Err(error) => {
                self.unproven(&error);
                false
            }
        };
        self.next(&config).await?;
        Ok(if good { Exit::Done } else { Exit::No })
    }

    fn proven(&self, proof: &Proof) {
        let t = self.terminal;
        t.say(t.words(
            "○ 届いた言葉を読み取り、記録し、返事を投稿しました（マイチャットの「ヘルプ」とその返事）。",
            "○ a word was read, recorded and answered (ヘルプ in the control room, and its answer)",
        ));
        t.say(&match t.language {
            Language::Ja => format!("○ 記録は改ざんなしです（{}件）。", proof.entries),
            Language::En => format!("○ the record verifies ({} entries)", proof.entries),
        });
        if proof.deliveries > 0 {
            t.say(&match t.language {
                Language::Ja => {
                    format!("○ 署名つきの通知を受け取り、記録しました（{}件）。", proof.deliveries)
                }
                Language::En => format!("○ signed deliveries were taken and recorded ({})", proof.deliveries),
            });
        }
        match proof.public {
            Some(Public::Reached) => t.say(t.words(
                "○ 公開アドレスからも届きました。",
                "○ they came through the public address as well",
            )),
            Some(Public::Silent) => t.say(t.words(
                "！ 公開アドレスはまだ応答しません。プロキシ（deploy/Caddyfile）を用意し、karibarai doctor でお確かめください。それまでは読み取りだけで動きます。",
                "! the public address does not answer yet: set up the proxy (deploy/Caddyfile), then `karibarai doctor`. Until then the rooms are read",
            )),
            Some(Public::Foreign(status)) => t.say(&match t.language {
                Language::Ja => format!("！ 公開アドレスの応答は{status}でした。プロキシが /webhook を、書き換えずに [server] listen に渡すようにしてください。"),
                Language::En => format!("! the public address answered {status}: its proxy must hand /webhook on to [server] listen, unchanged"),
            }),
            None => {}
        }
        if proof.beside {
            t.say(t.words(
                "・karibarai serve は、起動したときの設定で動いています。再起動すると新しい設定になります。",
                "· `karibarai serve` runs with the configuration of its start; restart it for the new one",
            ));
        }
    }

    fn unproven(&self, error: &ProofError) {
        let t = self.terminal;
        let mut line = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            line = format!("{line}: {cause}");
            source = cause.source();
        }
        t.say(&format!(
            "× {} {line}",
            t.words("設定は書き込みましたが、動作を確認できませんでした:", "written, but not proven:")
        ));
        t.say(t.words(
            "  karibarai doctor で原因を調べ、もう一度 karibarai setup を実行してください（答えは残っています）。",
            "  `karibarai doctor` says what is wrong; then run `karibarai setup` again (the answers are kept)",
        ));
    }

    /// The pages and the next command.
    async fn next(&self, config: &Config) -> anyhow::Result<()> {
        let t = self.terminal;
        let (store, _) = start::ledger(config).await?;
        let outside = start::outside();
        t.say("");
        let path = review::one_time_path(store, outside.entropy, outside.clock).await?;
        t.say(t.words(
            "管理画面（24時間以内に一度だけ使えるリンク。開いたら、次からのパスワードを決めてください）:",
            "the pages (this link works once, within 24 hours; choose a password there):",
        ));
        t.say(&format!("   {}{path}", login_link::base(config)));
        t.say(t.words("はじめるには:", "to begin:"));
        let folder = self.folder();
        let is_here = std::path::absolute(&folder).ok() == std::path::absolute(&self.cwd).ok();
        let place =
            std::path::absolute(self.cwd.join(&self.target)).context("cannot tell the current folder")?;
        t.say(&match is_here {
            true => "   karibarai serve".to_owned(),
            false => format!("   karibarai --config {} serve", place.display()),
        });
        Ok(())
    }
}
