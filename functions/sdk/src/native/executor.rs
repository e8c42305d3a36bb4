//! Runs a test's futures on this thread, on a virtual clock: when all wait, time jumps to the next timer.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::{Duration, SystemTime},
};

use futures_util::{
    future::poll_fn,
    stream::{FuturesUnordered, StreamExt},
};

use super::world::with_world;

type Task = Pin<Box<dyn Future<Output = ()>>>;

thread_local! {
    static SPAWNED: RefCell<Vec<Task>> = RefCell::default();
    static TIMERS: RefCell<BTreeMap<(SystemTime, u64), Waker>> = RefCell::default();
    static NEXT_TIMER: Cell<u64> = const { Cell::new(0) };
}

pub(crate) fn spawn(future: impl Future<Output = ()> + 'static) {
    SPAWNED.with_borrow_mut(|spawned| spawned.push(Box::pin(future)));
}

pub(crate) async fn sleep(duration: Duration) {
    let until = super::now() + duration;
    let id = NEXT_TIMER.replace(NEXT_TIMER.get() + 1);
    let _forget = Timer(until, id);
    poll_fn(|cx| {
        if super::now() >= until {
            return Poll::Ready(());
        }
        TIMERS.with_borrow_mut(|timers| timers.insert((until, id), cx.waker().clone()));
        Poll::Pending
    })
    .await;
}

/// Takes the timer back when its sleep is over or abandoned: time must not jump to where nobody waits.
struct Timer(SystemTime, u64);

impl Drop for Timer {
    fn drop(&mut self) {
        TIMERS.with_borrow_mut(|timers| timers.remove(&(self.0, self.1)));
    }
}

/// Runs `future`, and then what it spawned, to the end.
///
/// Panics when nothing can go on: a test that would hang fails instead.
pub(super) fn run<T>(future: impl Future<Output = T>) -> T {
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(woken.clone());
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    let mut tasks = FuturesUnordered::<Task>::new();
    let mut output = None;
    loop {
        while woken.0.swap(false, Ordering::Relaxed) {
            if output.is_none()
                && let Poll::Ready(value) = future.as_mut().poll(&mut cx)
            {
                output = Some(value);
            }
            tasks.extend(SPAWNED.take());
            while let Poll::Ready(Some(())) = tasks.poll_next_unpin(&mut cx) {}
            // A task may have spawned another.
            if SPAWNED.with_borrow(|spawned| !spawned.is_empty()) {
                woken.0.store(true, Ordering::Relaxed);
            }
        }
        match output {
            Some(output) if tasks.is_empty() => return output,
            _ => assert!(advance(), "deadlock: the test waits for something that will never happen"),
        }
    }
}

/// Moves the clock to the next timer; false if there is none.
fn advance() -> bool {
    let Some(((until, _), waker)) = TIMERS.with_borrow_mut(BTreeMap::pop_first) else { return false };
    with_world(|world| world.now = world.now.max(until));
    waker.wake();
    true
}

/// Forgets what an earlier test on this thread left behind, in case it panicked.
pub(super) fn reset() {
    // Dropping these may run code that uses the lists: take them first.
    drop(SPAWNED.take());
    drop(TIMERS.take());
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}
