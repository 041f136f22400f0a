//! Kills an engine at each of its failpoints, again and again, starts it anew, and looks at what
//! the outside counted: no step lost, none done twice, no consumer locked out.
//!
//! The engine runs in a child process that is this test binary again. Services and consumers live
//! in the parent and outlive every kill. `scripts/prove-engine` runs it in full.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rotascope::model::intent::{Intent, Outcome, Verb};
use rotascope::model::{Data, Event, SecretPath, Span, Timestamp};
use rotascope::rotation::failpoint::Point;
use rotascope::rotation::target::Target;
use rotascope::rotation::{Clock, Engine};

use super::servers::postgres::Postgres;
use super::world::*;

/// How fast the child's clock goes.
const SCALE: i64 = 100;
/// How many scripts are killed at moments drawn by lot, and how often each.
const BY_LOT: (usize, usize) = (4, 5);

/// What the child does: every act that has calls of its own, and a rotation that is reissued and
/// rolled back. Each act has its key, so that a child that begins anew goes on.
async fn script(engine: &Engine) {
    let everything = |verb, key| {
        let mut all = intent(verb, key);
        all.secret = None;
        all
    };
    done(engine, intent(Verb::Rotate, "k1")).await;
    done(engine, intent(Verb::Rotate, "k2")).await;
    done(engine, intent(Verb::InvalidateCache, "k3")).await;
    done(engine, intent(Verb::MaskLeak, "k4")).await;
    done(engine, everything(Verb::RestoreSink, "k5")).await;
    let receipt = engine.execute(intent(Verb::Rotate, "k6")).await.unwrap();
    let id = receipt.rotation.unwrap();
    until("grace", || {
        matches!(
            status(engine, &id).stage.raw(),
            "grace" | "revoke" | "audit"
        ) || engine.outcome("k8").is_some()
    })
    .await;
    if engine.outcome("k8").is_none() {
        done(engine, intent(Verb::ReissuePrevious, "k7")).await;
    }
    done(engine, intent(Verb::Rollback, "k8")).await;
    done(engine, everything(Verb::ReplayOutbox, "k9")).await;
    until("the outbox", || engine.metrics().outbox_waiting == 0).await;
}

async fn done(engine: &Engine, what: Intent) {
    let verb = what.verb;
    let outcome = act(engine, what).await;
    assert!(
        matches!(outcome, Outcome::Observed { .. }),
        "{verb}: {outcome:?}"
    );
}

/// The child: only where the parent says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Some(folder) = std::env::var_os("ROTASCOPE_PROVE_CHILD").map(PathBuf::from) else {
        return;
    };
    let plan = std::fs::read_to_string(folder.join("rotation.toml")).unwrap();
    // The fast clock of a child goes on where its predecessor's was.
    let origin: i64 = std::fs::read_to_string(folder.join("origin"))
        .unwrap()
        .parse()
        .unwrap();
    let passed = Span::micros((now_micros() - origin) * SCALE);
    let at = Timestamp::new(origin / 1_000_000, 0) + passed;
    let clock = Clock::from(at, 100.0_f64);
    let settings = settings(
        &plan,
        &folder.join("engine.db"),
        &folder.join("seal-key"),
        clock,
    );
    let engine = Engine::open(settings).await.unwrap();
    script(&engine).await;
    engine.shut_down().await;
}

fn now_micros() -> i64 {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    i64::try_from(since.as_micros()).unwrap()
}

/// What is rotated.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Field {
    Webhook,
    Postgres,
    Jwks,
}

impl Field {
    const ALL: [Self; 3] = [Self::Webhook, Self::Postgres, Self::Jwks];

    fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Postgres => "postgres",
            Self::Jwks => "jwks",
        }
    }

    /// Its target section, and the server behind it; `None` where that is not here.
    async fn target(self, world: &World) -> Option<(String, Option<Postgres>)> {
        match self {
            Self::Webhook => Some((world.webhook(), None)),
            Self::Jwks => {
                let document = world.path("jwks.json");
                let document = document.display();
                let target =
                    format!("kind = 'jwks'\njwks_file = '{document}'\ntoken_lifetime = '1s'\n");
                Some((target, None))
            }
            Self::Postgres => {
                let server = Postgres::configured(&[])?;
                server
                    .run("CREATE ROLE app_a LOGIN; CREATE ROLE app_b LOGIN")
                    .await;
                let target = format!(
                    "kind = 'postgres-pair'\nhost = '127.0.0.1'\nport = {}\nadmin_user = 'admin'\nadmin_password_file = '{}'\nroles = ['app_a', 'app_b']\n",
                    server.port,
                    server.password_file().display()
                );
                Some((target, Some(server)))
            }
        }
    }
}

#[derive(Default, Debug)]
struct Tally {
    kills: usize,
    lost: Vec<String>,
    doubled: Vec<String>,
    locked: Vec<String>,
}

/// When a child is killed.
#[derive(Clone, Copy, Debug)]
enum Kill {
    Never,
    /// When it reaches a failpoint for the n-th time.
    At(Point, usize),
    /// After so long, wherever it is then.
    After(Duration),
}

/// Runs the child once; true where it came to its end, false where it was killed.
fn run_child(folder: &Path, kill: Kill) -> bool {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "prove::child", "--nocapture", "--test-threads=1"])
        .env("ROTASCOPE_PROVE_CHILD", folder)
        .env("ROTASCOPE_FAILPOINT_LOG", folder.join("reached"))
        .env_remove("ROTASCOPE_FAILPOINT")
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(folder.join("stderr")).unwrap());
    if let Kill::At(point, nth) = kill {
        command.env("ROTASCOPE_FAILPOINT", format!("{}:{nth}", point.name()));
    }
    let mut child = command.spawn().unwrap();
    if let Kill::After(time) = kill {
        std::thread::sleep(time);
        // It may have come to its end before.
        let _ = child.kill();
    }
    let status = child.wait().unwrap();
    if status.success() {
        return true;
    }
    let killed = std::os::unix::process::ExitStatusExt::signal(&status) == Some(9);
    let said = std::fs::read_to_string(folder.join("stderr")).unwrap();
    assert!(killed, "the child failed by itself: {said}");
    false
}

/// Runs the script with these kills, one after the other; looks at what was wrong afterwards.
async fn killed(field: Field, kills: &[Kill], at: &str, tally: &mut Tally) -> Option<World> {
    let world = World::new(&["eu-0", "eu-1", "us-0"]).await;
    let (section, _server) = field.target(&world).await?;
    let plan = world.plan(&section, "grace = '150s'\ncanary_percent = 30");
    std::fs::write(world.path("rotation.toml"), &plan).unwrap();
    std::fs::write(world.path("origin"), now_micros().to_string()).unwrap();
    let opened = world.settings(&plan, Clock::of_the_world());
    let target = opened.targets[&SecretPath::from(SECRET)].clone();
    let every = Duration::from_millis(if field == Field::Postgres { 100 } else { 10 });
    let traffic = world.authenticate(target.clone(), every);
    let mut done = 0;
    loop {
        let kill = kills.get(done).copied().unwrap_or(Kill::Never);
        let folder = world.folder.path().to_owned();
        let run = tokio::task::spawn_blocking(move || run_child(&folder, kill));
        if run.await.unwrap() {
            break;
        }
        done += 1;
    }
    traffic.abort();
    let at = format!("{} {at}", field.name());
    let timed = matches!(kills.first(), Some(Kill::After(_)));
    assert!(
        timed || done == kills.len(),
        "{at}: killed only {done} times"
    );
    tally.kills += done;
    look(&world, &*target, &at, tally).await;
    Some(world)
}

/// Runs the script with kills at one failpoint.
async fn killed_at(field: Field, point: Point, tally: &mut Tally) -> Option<World> {
    let nth = if many(point) { [5, 9, 2] } else { [1, 1, 1] };
    let kills: Vec<Kill> = nth.into_iter().map(|n| Kill::At(point, n)).collect();
    killed(field, &kills, &format!("at {}", point.name()), tally).await
}

/// Places that are reached often: those kill in the middle of things.
fn many(point: Point) -> bool {
    point.name().starts_with("transaction.") || point.name().starts_with("consumer.")
}

/// Looks at what the outside counted.
async fn look(world: &World, target: &dyn Target, at: &str, tally: &mut Tally) {
    let refused = world.refused();
    if refused > 0 {
        tally
            .locked
            .push(format!("{at}: consumers were refused {refused} times"));
    }
    try_all(&world.outside, target).await;
    if world.refused() > refused || world.using() != ["v2"; 3] {
        tally
            .locked
            .push(format!("{at}: consumers ended on {:?}", world.using()));
    }
    {
        let keys = world.keys.lock().unwrap();
        let active: Vec<bool> = keys.all.values().map(|k| k.active).collect();
        if !active.is_empty() && active.len() > 3 {
            tally.doubled.push(format!(
                "{at}: {} keys were made for 3 versions",
                active.len()
            ));
        }
        if !active.is_empty() && active != [false, true, false] {
            tally
                .lost
                .push(format!("{at}: the provider holds {active:?}"));
        }
    }
    look_at_store(world, at, tally);
}

fn look_at_store(world: &World, at: &str, tally: &mut Tally) {
    let db = rusqlite::Connection::open(world.path("engine.db")).unwrap();
    let mut events = db
        .prepare("SELECT seq, body FROM event ORDER BY seq")
        .unwrap();
    let events: Vec<(i64, Event)> = events
        .query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))
        .unwrap()
        .map(|row| {
            row.map(|(n, body)| (n, Event::from_json(body.as_bytes()).unwrap()))
                .unwrap()
        })
        .collect();
    if !events
        .iter()
        .map(|(n, _)| *n)
        .eq(1..=i64::try_from(events.len()).unwrap())
    {
        tally.lost.push(format!("{at}: the event log has gaps"));
    }
    let mut done: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (_, event) in &events {
        if let Some(words) = stage_words(event) {
            let rotation = event.rotation.as_ref().unwrap().raw().to_owned();
            *done.entry((rotation, words)).or_default() += 1;
        }
    }
    let rotations: Vec<String> = events
        .iter()
        .filter(|(_, e)| matches!(e.data, Data::RotationStarted(_)))
        .map(|(_, e)| e.rotation.as_ref().unwrap().raw().to_owned())
        .collect();
    if rotations.len() != 3 {
        tally
            .doubled
            .push(format!("{at}: {} rotations began", rotations.len()));
    }
    for (n, rotation) in rotations.iter().enumerate() {
        for stage in ["trigger", "generate", "store", "distribute", "validate"] {
            match done.get(&(rotation.clone(), format!("{stage} completed"))) {
                None => tally.lost.push(format!("{at}: {stage} of rotation {n}")),
                Some(1) => {}
                Some(times) => tally
                    .doubled
                    .push(format!("{at}: {stage} of rotation {n} {times} times")),
            }
        }
        let end = if n < 2 {
            "finished succeeded"
        } else {
            "finished rolled_back"
        };
        if !done.contains_key(&(rotation.clone(), end.to_owned())) {
            tally
                .lost
                .push(format!("{at}: rotation {n} did not end with {end}"));
        }
    }
    let mut rows = db.prepare("SELECT body FROM outbox ORDER BY n").unwrap();
    let rows: Vec<serde_json::Value> = rows
        .query_map([], |row| row.get::<_, String>(0))
        .unwrap()
        .map(|body| serde_json::from_str(&body.unwrap()).unwrap())
        .collect();
    let outside = world.outside.lock().unwrap();
    let mut first_seen = Vec::new();
    let mut seen = BTreeSet::new();
    for entry in &outside.entries {
        let id = entry["id"].as_str().unwrap();
        if seen.insert(id.to_owned()) {
            first_seen.push(id.to_owned());
        }
    }
    let wanted: Vec<&str> = rows.iter().map(|r| r["id"].as_str().unwrap()).collect();
    if first_seen != wanted {
        tally.lost.push(format!(
            "{at}: the sink has {} of {} audit entries, or not in order",
            first_seen.len(),
            wanted.len()
        ));
    }
}

/// Without a kill the script comes to its end, and reaches every failpoint on its way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_script_reaches_every_failpoint() {
    let mut tally = Tally::default();
    let world = killed(Field::Webhook, &[], "at nothing", &mut tally)
        .await
        .unwrap();
    let reached = std::fs::read_to_string(world.path("reached")).unwrap();
    let reached: BTreeSet<&str> = reached.lines().collect();
    let names = Point::ALL.iter().map(|p| p.name());
    let missing: Vec<&str> = names.filter(|n| !reached.contains(n)).collect();
    assert!(missing.is_empty(), "never reached: {missing:?}");
    let wrong = (&tally.lost, &tally.doubled, &tally.locked);
    assert_eq!(wrong, (&vec![], &vec![], &vec![]));
    finds_what_is_wrong(&world).await;
}

/// A proof that cannot fail proves nothing: an entry is taken from the sink, a key is made that
/// nobody asked for, a consumer is put on a version that is revoked.
async fn finds_what_is_wrong(world: &World) {
    world.outside.lock().unwrap().entries.remove(3);
    let stray = world.keys.lock().unwrap().all["id-1"].clone();
    world
        .keys
        .lock()
        .unwrap()
        .all
        .insert("id-9".to_owned(), stray.clone());
    let material = serde_json::json!({"id": "id-1", "key": stray.words})
        .to_string()
        .into_bytes();
    world
        .outside
        .lock()
        .unwrap()
        .consumers
        .get_mut("us-0")
        .unwrap()
        .using = Some(("v1".to_owned(), material));
    let plan = std::fs::read_to_string(world.path("rotation.toml")).unwrap();
    let opened = world.settings(&plan, Clock::of_the_world());
    let mut tally = Tally::default();
    look(
        world,
        &*opened.targets[&SecretPath::from(SECRET)],
        "tampered",
        &mut tally,
    )
    .await;
    assert!(
        !tally.lost.is_empty() && !tally.doubled.is_empty() && !tally.locked.is_empty(),
        "{tally:?}"
    );
}

/// A few kills where most can go wrong; `scripts/prove-engine` does all of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_around_a_commit_and_a_revocation_lose_nothing() {
    let mut tally = Tally::default();
    for point in [Point::TransactionCommit, Point::RevokeAfter] {
        killed_at(Field::Webhook, point, &mut tally).await.unwrap();
    }
    let wrong = (&tally.lost, &tally.doubled, &tally.locked);
    assert_eq!(wrong, (&vec![], &vec![], &vec![]));
}

/// The whole proof; `ROTASCOPE_PROVE` names the fields, or is `all`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prove() {
    let Ok(wanted) = std::env::var("ROTASCOPE_PROVE") else {
        return;
    };
    let mut all = Tally::default();
    for field in Field::ALL {
        let name = field.name();
        if wanted != "all" && !wanted.split(',').any(|w| w == name) {
            continue;
        }
        let mut tally = Tally::default();
        for point in Point::ALL {
            if killed_at(field, *point, &mut tally).await.is_none() {
                say(&format!("{name}: left out, its server is not here"));
                break;
            }
        }
        for n in 0..BY_LOT.0 {
            let lots = (0..BY_LOT.1)
                .map(|_| Kill::After(Duration::from_millis(rand::random_range(60..1_500))));
            let kills: Vec<Kill> = lots.collect();
            let _ = killed(
                field,
                &kills,
                &format!("by lot, {n}, {kills:?}"),
                &mut tally,
            )
            .await;
        }
        say(&format!("{name}: {}", line(&tally)));
        all.kills += tally.kills;
        all.lost.extend(tally.lost);
        all.doubled.extend(tally.doubled);
        all.locked.extend(tally.locked);
    }
    for wrong in all.lost.iter().chain(&all.doubled).chain(&all.locked) {
        say(wrong);
    }
    say(&line(&all));
    assert!(all.lost.is_empty() && all.doubled.is_empty() && all.locked.is_empty());
}

fn line(tally: &Tally) -> String {
    format!(
        "failpoints {} kills {} lost {} doubled {} locked {}",
        Point::ALL.len(),
        tally.kills,
        tally.lost.len(),
        tally.doubled.len(),
        tally.locked.len()
    )
}

#[expect(clippy::print_stdout, reason = "what scripts/prove-engine is run for")]
fn say(words: &str) {
    println!("{words}");
}
