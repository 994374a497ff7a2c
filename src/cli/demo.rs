//! `demo`: the whole bot against the simulator, told line by line. Nothing is left behind.

use std::future::Future;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tokio::sync::watch;

use crate::app::App;
use crate::config::{Config, LoadArgs};
use crate::domain::{Clock as _, MessageId, RoomId, SystemClock};
use crate::sandbox::{Sandbox, SandboxConfig, SandboxHandle, World};
use crate::store::{ArchiveStore as _, CaseStore as _, LedgerStore as _, OutboxState, Store};
use crate::upkeep;

use super::terminal::Terminal;
use super::{Exit, start};

/// No step of the story takes longer on any machine.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(10);

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// End after the story instead of serving the pages
    #[arg(long)]
    once: bool,
}

pub(super) async fn run(arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<Exit> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let any_port = (Ipv4Addr::LOCALHOST, 0);
    let sandbox = Sandbox::start(SandboxConfig::new(Arc::new(|| SystemClock.now().0))).await?;
    let public = TcpListener::bind(any_port)?;
    let private = TcpListener::bind(any_port)?;
    let chatwork = sandbox.handle().clone();
    let world = chatwork.world(Some(&format!("http://{}/webhook", public.local_addr()?)))?;
    let config = configuration(folder.path(), &sandbox.api_base(), &world)?;
    let data_dir = config.storage.data_dir.clone();
    let app = App::prepare_on(config, start::outside(), public, private).await?;
    let link = app.one_time_link().await?;
    let store = app.store().clone();
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(app.run(stopped));

    let story = Story { terminal, chatwork, world, store: store.clone() };
    let told = story.tell().await;
    let checked = match told {
        Ok(()) => Some(upkeep::check(&store, &data_dir, None).await?),
        Err(_) => None,
    };
    let good = match (&told, &checked) {
        (Err(error), _) => {
            terminal.say(&format!("× {error:#}"));
            false
        }
        (Ok(()), Some(checked)) => story.conclude(checked.intact(), checked.report.size),
        (Ok(()), None) => false,
    };
    if !arguments.once && good {
        terminal.say("");
        terminal.say(&format!(
            "{} {link}",
            terminal.words(
                "管理画面（一度だけ使えるリンク、Ctrl-Cで終了）:",
                "Pages (the link works once; Ctrl-C ends):"
            )
        ));
        tokio::signal::ctrl_c().await.context("cannot wait for Ctrl-C")?;
    }
    let _ = stop.send(true);
    running.await.context("the bot ended badly")??;
    Ok(if good { Exit::Done } else { Exit::No })
}

fn configuration(folder: &std::path::Path, api_base: &str, world: &World) -> anyhow::Result<Config> {
    let data = folder.join("data");
    let env = [
        ("CHATWORK_API_BASE", api_base.to_owned()),
        ("CHATWORK_API_TOKEN", world.owner.api_token.clone()),
        (
            "CHATWORK_WEBHOOK_TOKEN",
            world.webhooks.iter().map(|it| it.token.as_str()).collect::<Vec<_>>().join(","),
        ),
        ("KARIBARAI_STORAGE__URL", format!("sqlite:{}", data.join("karibarai.db").display())),
        ("KARIBARAI_STORAGE__DATA_DIR", data.display().to_string()),
        ("KARIBARAI_REPLY__DELAY_SECONDS", "0".to_owned()),
        ("KARIBARAI_RECONCILE__INTERVAL_SECONDS", "1".to_owned()),
        ("KARIBARAI_ROOM__0__ID", world.direct_room_id.to_string()),
        ("KARIBARAI_ROOM__0__CLIENTS", world.client.account_id.to_string()),
        ("KARIBARAI_ROOM__0__REPLY__MODE", "auto".to_owned()),
    ];
    let env = env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let arguments = LoadArgs { path: None, env, cwd: folder.to_owned() };
    Config::load(&arguments).map_err(|error| anyhow!("{error}"))
}

struct Story<'a> {
    terminal: &'a Terminal,
    chatwork: SandboxHandle,
    world: World,
    store: Store,
}

impl Story<'_> {
    async fn tell(&self) -> anyhow::Result<()> {
        let t = self.terminal;
        let room = self.world.direct_room_id;
        t.say(t.words(
            "── 模擬のChatworkで、ライターの佐藤さんとお客様の山田さんの部屋を見てみます ──",
            "── a simulated Chatwork: the room of a writer (佐藤) and her client (山田) ──",
        ));
        self.until("the bot to know the room", || async {
            Ok(!self.store.members(RoomId(room)).await?.is_empty())
        })
        .await?;

        let thanks = self.client_says("先日の記事、とても好評でした。ありがとうございました。")?;
        self.recorded(&thanks, 1).await?;
        self.bot("記録しました。お礼なので、何も返しません。", "recorded; a thank-you needs no answer");

        let request = self
            .client_says("追加でブログ記事を3本お願いできますか？1本5,000円、来週金曜までにお願いします。")?;
        self.until("the reminder", || async { Ok(!self.chatwork.replies_to(room, &request)?.is_empty()) })
            .await?;
        let reminder = self.chatwork.replies_to(room, &request)?;
        self.bot(
            "新しい依頼と判断し、この部屋で一度だけ、次のようにお願いしました。",
            "a new request: answered in the room, once, with",
        );
        for line in reminder
            .first()
            .map(|it| it.body.lines().skip(1).map(str::to_owned).collect::<Vec<_>>())
            .unwrap_or_default()
        {
            t.say(&format!("      │ {line}"));
        }
        self.until("the case", || async { Ok(self.store.cases().await?.iter().any(|it| it.reminded)) })
            .await?;

        let again = self.client_says("あと、アイキャッチ画像も2枚お願いします。")?;
        self.recorded(&again, 1).await?;
        self.settled().await?;
        self.bot(
            "同じ案件の続きなので、二度目のお願いはしません。",
            "it belongs to the same case: no second reminder",
        );

        self.chatwork.edit(
            room,
            &request,
            "追加でブログ記事を3本お願いできますか？1本3,000円、来週金曜までにお願いします。",
        )?;
        self.client(
            "（先ほどの依頼の「5,000円」を「3,000円」に編集）",
            "(edits the request: 5,000 yen become 3,000)",
        );
        self.recorded(&request, 2).await?;
        self.bot("編集前と編集後の両方を残しました。", "kept both texts");

        let slip = self.client_says("今回は仮払いなしで進めてもらえると助かります。")?;
        self.recorded(&slip, 1).await?;
        self.chatwork.delete(room, &slip)?;
        self.client("（いまの発言を削除）", "(deletes that message)");
        self.until("the deletion", || async {
            let id = message_id(&slip)?;
            Ok(self.store.message(RoomId(room), &id).await?.is_some_and(|it| it.deleted))
        })
        .await?;
        self.bot(
            "Chatworkは削除を知らせません。部屋を読み直して気づき、消える前の文も残しました。",
            "Chatwork announces no deletion: noticed by reading again; the text is kept",
        );

        self.client_says("クラウドワークスで新しい依頼を出して、仮払いも済ませました。")?;
        self.until("the claim of escrow", || async {
            Ok(self.store.cases().await?.iter().any(|it| it.state == "escrow_claimed"))
        })
        .await?;
        self.bot(
            "案件を「仮払いの連絡あり」に進め、佐藤さんのマイチャットに「画面でご確認を」と知らせました。",
            "the case moves to “escrow claimed”; the owner is asked, in her own chat, to look",
        );
        self.settled().await?;
        Ok(())
    }

    /// The last two lines: posted exactly once, and the ledger verifies.
    fn conclude(&self, intact: bool, size: u64) -> bool {
        let t = self.terminal;
        let owner = self.world.owner.account_id;
        let posts = self.chatwork.posts_in(self.world.direct_room_id).unwrap_or_default();
        let posts = posts.iter().filter(|it| it.account_id == owner).count();
        let once = posts == 1;
        let mark = |good: bool| if good { "○" } else { "×" };
        t.say(&format!(
            "{} {} {posts}",
            mark(once),
            t.words("お客様の部屋への投稿（回）:", "posts in the client's room:")
        ));
        t.say(&format!(
            "{} {} {size}",
            mark(intact),
            t.words("改ざんの検査（記録の件数）:", "ledger verified, entries:")
        ));
        once && intact
    }

    fn client_says(&self, text: &str) -> anyhow::Result<String> {
        let id = self.chatwork.post(self.world.client.account_id, self.world.direct_room_id, text)?;
        self.client(&format!("「{text}」"), &format!("「{text}」"));
        Ok(id)
    }

    fn client(&self, ja: &str, en: &str) {
        self.terminal.say(&format!(
            "{} {}",
            self.terminal.words("山田さん:", "山田:"),
            self.terminal.words(ja, en)
        ));
    }

    fn bot(&self, ja: &str, en: &str) {
        self.terminal.say(&format!("   └ {}: {}", "karibarai", self.terminal.words(ja, en)));
    }

    async fn recorded(&self, message: &str, versions: usize) -> anyhow::Result<()> {
        let id = message_id(message)?;
        self.until("a message to be recorded", || async {
            Ok(self.store.versions(RoomId(self.world.direct_room_id), &id).await?.len() >= versions)
        })
        .await
    }

    /// Everything recorded was weighed, and nothing waits to be sent.
    async fn settled(&self) -> anyhow::Result<()> {
        use crate::store::FollowStore as _;
        self.until("the bot to come to rest", || async {
            let size = self.store.head().await?.map_or(0, |it| it.end());
            let read = self.store.cursor("casebook").await?.0;
            let waits = self.store.outbox().await?.into_iter().any(|it| it.state == OutboxState::Waiting);
            Ok(read == size && !waits)
        })
        .await
    }

    async fn until<F, T>(&self, what: &str, done: F) -> anyhow::Result<()>
    where
        F: Fn() -> T,
        T: Future<Output = anyhow::Result<bool>>,
    {
        let wait = async {
            while !done().await? {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(PATIENCE, wait).await.map_err(|_| anyhow!("waited in vain for {what}"))?
    }
}

fn message_id(text: &str) -> anyhow::Result<MessageId> {
    MessageId::new(text).ok_or_else(|| anyhow!("the simulator gave no message id"))
}
