use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;
use std::thread;

use proptest::prelude::*;

use super::*;

const KEPT: u64 = 1 << 30;

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn body(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at ^ (at >> 8)) as u8).collect()
}

/// Reads until it has to wait, or to the end. What was read, and how it ended, if it did.
fn read_on(reader: &mut Reader, context: &Context<'_>) -> (Vec<u8>, Option<Result<(), Broken>>) {
    let mut all = Vec::new();
    loop {
        match reader.poll_frame(context) {
            Poll::Ready(Some(Ok(bytes))) => all.extend_from_slice(&bytes),
            Poll::Ready(Some(Err(broken))) => return (all, Some(Err(broken))),
            Poll::Ready(None) => return (all, Some(Ok(()))),
            Poll::Pending => return (all, None),
        }
    }
}

fn read_all(mut reader: Reader) -> (Vec<u8>, Option<Result<(), Broken>>) {
    read_on(&mut reader, &Context::from_waker(Waker::noop()))
}

#[test]
fn how_bodies_end() {
    type Case<'a> = (&'a str, Option<u64>, &'a [usize], bool, Result<(), Broken>, usize);
    let cases: [Case<'_>; 10] = [
        ("empty", None, &[], true, Ok(()), 0),
        ("empty, as announced", Some(0), &[], true, Ok(()), 0),
        ("as announced", Some(10), &[3, 7], true, Ok(()), 10),
        ("of any length", None, &[3, 0, 7000], true, Ok(()), 7003),
        ("cut off before it began", None, &[], false, Err(Broken::CutOff), 0),
        ("cut off", None, &[5], false, Err(Broken::CutOff), 5),
        ("cut off behind the last byte", Some(5), &[5], false, Err(Broken::CutOff), 5),
        ("too short", Some(10), &[3, 6], true, Err(Broken::TooShort), 9),
        ("too long", Some(10), &[3, 8], true, Err(Broken::TooLong), 3),
        ("longer than nothing", Some(0), &[1], true, Err(Broken::TooLong), 0),
    ];
    for (name, announced, pushes, is_finished, end, length) in cases {
        let (mut writer, arriving) = Arriving::new(announced, KEPT);
        let early = arriving.reader().unwrap();
        let mut at = 0;
        for push in pushes {
            writer.push(&body(20_000)[at..at + push]);
            at += push;
        }
        if is_finished {
            writer.finish();
        } else {
            drop(writer);
        }
        assert_eq!(read_all(early), (body(length), Some(end)), "{name}");
        let outcome = end.map_or_else(Outcome::Broken, |()| Outcome::Complete);
        assert_eq!(run(arriving.settled()), outcome, "{name}");
        assert_eq!(arriving.reader().map(read_all), end.ok().map(|()| (body(length), Some(Ok(())))), "{name}");
        assert_eq!(arriving.bytes(), end.ok().map(|()| body(length).into()), "{name}");
        assert_eq!(arriving.length(), announced.or(end.ok().map(|()| length as u64)), "{name}");
    }
}

#[test]
fn an_error_is_told_once_and_nothing_after_it() {
    let (writer, arriving) = Arriving::new(None, KEPT);
    let mut reader = arriving.reader().unwrap();
    drop(writer);
    let context = Context::from_waker(Waker::noop());
    assert_eq!(reader.poll_frame(&context), Poll::Ready(Some(Err(Broken::CutOff))));
    assert_eq!(reader.poll_frame(&context), Poll::Ready(None));
}

#[test]
fn ranges() {
    let cases =
        [(0..0, 0..0), (0..1, 0..1), (5..6000, 5..6000), (8192..8193, 8192..8193), (9000..99_000, 9000..10_000)];
    let (mut writer, arriving) = Arriving::new(None, KEPT);
    let early = cases.clone().map(|(asked, _)| arriving.reader().unwrap().range(asked));
    body(10_000).chunks(1000).for_each(|data| writer.push(data));
    let late = cases.clone().map(|(asked, _)| arriving.reader().unwrap().range(asked));
    writer.finish();
    for (reader, (asked, given)) in early.into_iter().chain(late).zip(cases.iter().chain(&cases)) {
        let expected = body(10_000)[given.start as usize..given.end as usize].to_vec();
        assert_eq!(read_all(reader), (expected, Some(Ok(()))), "{asked:?}");
    }
}

#[test]
fn a_part_may_be_whole_although_the_body_is_not() {
    let (mut writer, arriving) = Arriving::new(Some(100), KEPT);
    let (part, rest) = (arriving.reader().unwrap().range(2..5), arriving.reader().unwrap().range(2..50));
    writer.push(&body(10));
    drop(writer);
    assert_eq!(read_all(part), (body(10)[2..5].to_vec(), Some(Ok(()))));
    assert_eq!(read_all(rest), (body(10)[2..].to_vec(), Some(Err(Broken::CutOff))));
}

#[test]
fn what_is_kept_is_one_piece_of_its_size() {
    for length in [1, 100, 5000, 50_000] {
        for chunk in [1, 7, 4096, 1 << 20] {
            let (mut writer, arriving) = Arriving::new(None, KEPT);
            body(length).chunks(chunk).for_each(|data| writer.push(data));
            assert_eq!(arriving.bytes(), None, "not before its end");
            writer.finish();
            let whole = arriving.bytes().unwrap();
            assert_eq!(whole, body(length));
            assert_eq!(arriving.bytes().unwrap().as_ptr(), whole.as_ptr(), "copied together once");
            drop(arriving);
            let memory = whole.try_into_mut().expect("nobody else has it");
            assert_eq!(memory.capacity(), length, "chunks of {chunk}");
        }
    }
}

#[test]
fn single_bytes_do_not_make_a_piece_each() {
    let (mut writer, arriving) = Arriving::new(None, KEPT);
    let mut reader = arriving.reader().unwrap();
    let mut read = Vec::new();
    for data in body(40_000).chunks(1) {
        writer.push(data);
        read.extend(read_on(&mut reader, &Context::from_waker(Waker::noop())).0);
    }
    assert_eq!(read, body(40_000));
    assert_eq!(arriving.lock().pieces.whole().unwrap_err().len(), 9);
}

/// Counts how often it is woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn only_those_that_wait_for_it_are_woken() {
    let (mut writer, arriving) = Arriving::new(None, KEPT);
    let (near, far, idle) = (Arc::new(Count::default()), Arc::new(Count::default()), Arc::new(Count::default()));
    let counts = || [&near, &far, &idle].map(|count| count.0.load(Ordering::SeqCst));
    let mut first = arriving.reader().unwrap();
    let mut second = arriving.reader().unwrap().range(100..200);
    let _third = arriving.reader().unwrap();
    let (near_waker, far_waker) = (near.clone().into(), far.clone().into());
    for _ in 0..3 {
        read_on(&mut first, &Context::from_waker(&near_waker));
        read_on(&mut second, &Context::from_waker(&far_waker));
    }
    writer.push(&body(50));
    assert_eq!(counts(), [1, 0, 0]);
    writer.push(&body(50));
    assert_eq!(counts(), [1, 0, 0], "woken once, and not again before it polls");
    writer.push(&body(1));
    assert_eq!(counts(), [1, 1, 0]);
    read_on(&mut first, &Context::from_waker(&near_waker));
    drop(first);
    writer.finish();
    assert_eq!(counts(), [1, 1, 0], "those that are gone are not woken");
}

#[test]
fn too_large_with_slow_readers() {
    let step = 64 << 10;
    let (mut writer, arriving) = Arriving::new(None, 2 * step as u64);
    let (mut quick, mut slow) = (arriving.reader().unwrap(), arriving.reader().unwrap());
    let count = Arc::new(Count::default());
    let waker = count.clone().into();
    let context = &Context::from_waker(&waker);
    let quiet = &Context::from_waker(Waker::noop());
    let whole = body(10 * step);
    let mut chunks = whole.chunks(step);
    let mut read = Vec::new();
    for _ in 0..2 {
        writer.push(chunks.next().unwrap());
        assert_eq!((writer.poll_room(context), arriving.outcome()), (Poll::Ready(Ok(())), None));
    }
    for _ in 0..2 {
        writer.push(chunks.next().unwrap());
        assert_eq!(writer.poll_room(context), Poll::Ready(Ok(())));
        read.extend(read_on(&mut quick, quiet).0);
    }
    assert_eq!(run(arriving.settled()), Outcome::TooLarge);
    assert!(arriving.reader().is_none(), "nobody joins any more");
    writer.push(chunks.next().unwrap());
    assert_eq!(writer.poll_room(context), Poll::Pending, "more than 256 KiB wait for the slow one");
    read.extend(read_on(&mut quick, quiet).0);
    assert_eq!(count.0.load(Ordering::SeqCst), 0);
    assert!(matches!(slow.poll_frame(quiet), Poll::Ready(Some(Ok(bytes))) if bytes == whole[..step]));
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
    assert_eq!(writer.poll_room(context), Poll::Ready(Ok(())));
    assert!(arriving.lock().pieces.at(0).is_none(), "what both have taken is dropped");
    drop(slow);
    for chunk in chunks {
        writer.push(chunk);
        read.extend(read_on(&mut quick, quiet).0);
    }
    writer.finish();
    assert_eq!((read_on(&mut quick, quiet).1, read == whole), (Some(Ok(())), true));
    assert_eq!(arriving.bytes(), None);
}

#[test]
fn a_body_that_nobody_wants_is_not_fetched() {
    let (mut writer, arriving) = Arriving::new(Some(1000), 100);
    let reader = arriving.reader().unwrap();
    writer.push(&body(10));
    assert_eq!(arriving.outcome(), Some(Outcome::TooLarge), "as is announced");
    assert_eq!(run(writer.room()), Ok(()));
    drop(reader);
    assert_eq!(run(writer.room()), Err(Gone));

    let (mut writer, arriving) = Arriving::new(Some(1000), 1000);
    writer.push(&body(10));
    assert_eq!(run(writer.room()), Ok(()), "it is for the store");
    writer.push(&body(1000));
    assert_eq!(run(writer.room()), Err(Gone), "it is broken");
    assert_eq!(arriving.outcome(), Some(Outcome::Broken(Broken::TooLong)));
}

#[test]
fn the_last_reader_wakes_the_writer_when_it_goes() {
    let (mut writer, arriving) = Arriving::new(None, 0);
    let reader = arriving.reader().unwrap();
    writer.push(&body(1 << 20));
    let count = Arc::new(Count::default());
    assert_eq!(writer.poll_room(&Context::from_waker(&count.clone().into())), Poll::Pending);
    drop(reader);
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
    assert_eq!(run(writer.room()), Err(Gone));
}

async fn read_slowly(mut reader: Reader, mut random: fastrand::Rng) -> Result<Vec<u8>, Broken> {
    let mut all = Vec::new();
    while let Some(frame) = poll_fn(|context| reader.poll_frame(context)).await {
        all.extend_from_slice(&frame?);
        for _ in 0..random.u32(..3) {
            tokio::task::yield_now().await;
        }
    }
    Ok(all)
}

/// A thousand readers on four threads, of a body that arrives meanwhile.
fn crowd(seed: u64, length: usize, bytes_max: u64, is_whole: bool) {
    let mut random = fastrand::Rng::with_seed(seed);
    let whole = body(length);
    let (mut writer, arriving) = Arriving::new(random.bool().then_some(length as u64), bytes_max);
    thread::scope(|scope| {
        for _ in 0..4 {
            let (arriving, whole, mut random) = (&arriving, &whole, random.fork());
            let first: Vec<_> = (0..50).map(|_| arriving.reader().unwrap()).collect();
            scope.spawn(move || {
                run(async move {
                    let mut tasks = tokio::task::JoinSet::new();
                    first.into_iter().for_each(|reader| drop(tasks.spawn(read_slowly(reader, random.fork()))));
                    for _ in 0..200 {
                        if let Some(reader) = arriving.reader() {
                            tasks.spawn(read_slowly(reader, random.fork()));
                        }
                        tokio::task::yield_now().await;
                    }
                    for read in tasks.join_all().await {
                        assert!(read == is_whole.then(|| whole.clone()).ok_or(Broken::CutOff), "seed {seed}");
                    }
                });
            });
        }
        scope.spawn(|| {
            run(async {
                let mut rest = &*whole;
                while !rest.is_empty() {
                    let size = if random.bool() { random.usize(..100) } else { random.usize(..40_000) };
                    let (data, behind) = rest.split_at(size.min(rest.len()));
                    writer.push(data);
                    rest = behind;
                    writer.room().await.expect("they all read to the end");
                }
                if is_whole { writer.finish() } else { drop(writer) }
            });
        });
    });
    assert_eq!(arriving.lock().readers.slowest(), None, "seed {seed}");
    let outcome = match is_whole {
        _ if bytes_max < length as u64 => Outcome::TooLarge,
        true => Outcome::Complete,
        false => Outcome::Broken(Broken::CutOff),
    };
    assert_eq!(run(arriving.settled()), outcome, "seed {seed}");
}

#[test]
fn a_thousand_readers_of_what_is_kept() {
    (0..4).for_each(|seed| crowd(seed, 300_000, KEPT, seed % 4 != 0));
}

#[test]
fn a_thousand_readers_of_what_is_too_large() {
    (0..4).for_each(|seed| crowd(seed, 600_000, 50_000 * (seed % 3), seed % 4 != 0));
}

#[derive(Clone, Debug)]
enum Step {
    Push(usize),
    Join(Option<Range<u64>>),
    Read(usize),
    Leave(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..3_000_usize).prop_map(Step::Push),
        1 => (0..200_000_usize).prop_map(Step::Push),
        2 => proptest::option::of((0..300_000_u64, 0..300_000_u64)).prop_map(|range| {
            Step::Join(range.map(|(start, length)| start..start + length))
        }),
        6 => (0..8_usize).prop_map(Step::Read),
        1 => (0..8_usize).prop_map(Step::Leave),
    ];
    proptest::collection::vec(step, 0..60)
}

/// A reader, what it has to get in the end, what it got, and its wakes.
struct Watched {
    reader: Reader,
    range: Range<u64>,
    read: Vec<u8>,
    is_waiting: bool,
    count: Arc<Count>,
}

impl Watched {
    fn new(arriving: &Arc<Arriving>, range: Option<Range<u64>>) -> Option<Self> {
        let reader = arriving.reader()?;
        let reader = match range.clone() {
            Some(range) => reader.range(range),
            None => reader,
        };
        let range = range.unwrap_or(0..u64::MAX);
        Some(Self { reader, range, read: Vec::new(), is_waiting: false, count: Arc::default() })
    }

    fn read(&mut self) -> Option<Result<(), Broken>> {
        let before = self.count.0.load(Ordering::SeqCst);
        let (read, end) = read_on(&mut self.reader, &Context::from_waker(&self.count.clone().into()));
        let has_news = !read.is_empty() || end.is_some();
        assert!(!self.is_waiting || !has_news || before > 0, "there was something for it, and it was not woken");
        self.count.0.store(0, Ordering::SeqCst);
        self.is_waiting = end.is_none();
        self.read.extend(read);
        end
    }

    /// What it has to have got when so much of the body came.
    fn due<'b>(&self, came: &'b [u8]) -> &'b [u8] {
        let clip = |at: u64| (at as usize).min(came.len());
        &came[clip(self.range.start)..clip(self.range.end)]
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever the order of things, readers get what came, and are woken for it; a body that is not kept takes bounded
    /// memory when its writer minds the room.
    #[test]
    fn in_any_order(
        steps in steps(),
        bytes_max in prop_oneof![Just(KEPT), 0..400_000_u64],
        is_finished in any::<bool>(),
    ) {
        let (mut writer, arriving) = Arriving::new(None, bytes_max);
        let mut came = Vec::new();
        let mut readers: Vec<Watched> = Vec::new();
        for step in steps {
            match step {
                Step::Push(length) => {
                    if writer.poll_room(&Context::from_waker(Waker::noop())).is_ready() {
                        let data = body(length);
                        writer.push(&data);
                        came.extend(data);
                    }
                }
                Step::Join(range) => {
                    let joined = Watched::new(&arriving, range);
                    prop_assert_eq!(joined.is_some(), came.len() as u64 <= bytes_max);
                    readers.extend(joined);
                }
                Step::Read(number) => {
                    if let Some(watched) = readers.get_mut(number) {
                        watched.read();
                        prop_assert!(watched.read == watched.due(&came));
                    }
                }
                Step::Leave(number) if number < readers.len() => drop(readers.remove(number)),
                Step::Leave(_) => {}
            }
            if came.len() as u64 > bytes_max {
                let state = arriving.lock();
                let held: usize = state.pieces.whole().map_or_else(|pieces| pieces.concat().len(), |piece| piece.len());
                prop_assert!(held as u64 <= bytes_max + BACKLOG_MAX + 400_000, "{held} bytes are held");
                prop_assert!(!readers.is_empty() || state.pieces.at(came.len() as u64 - 1).is_none());
            }
        }
        if is_finished { writer.finish() } else { drop(writer) }
        for watched in &mut readers {
            let end = watched.read();
            prop_assert!(watched.read == watched.due(&came));
            let is_there = watched.range.end <= watched.range.start.max(came.len() as u64);
            prop_assert_eq!(end, Some(if is_finished || is_there { Ok(()) } else { Err(Broken::CutOff) }));
        }
        let is_kept = is_finished && came.len() as u64 <= bytes_max;
        prop_assert!(arriving.bytes() == is_kept.then(|| came.into()));
    }
}

#[test]
fn futures_may_go_to_other_threads() {
    fn is_send(_: &impl Send) {}
    let (writer, arriving) = Arriving::new(None, 0);
    is_send(&writer.room());
    is_send(&arriving.settled());
    is_send(&arriving.reader());
}
