//! Tasks and time: nothing happens but what the seed decides, and time passes only when nobody has anything to do.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use tidegate_core::Timestamp;

/// The clock and the tasks of a simulation.
pub struct Sim {
    now: Cell<u64>,
    timers: RefCell<BTreeMap<(u64, u64), Waker>>,
    timer: Cell<u64>,
    tasks: RefCell<Vec<Rc<Task>>>,
    random: RefCell<fastrand::Rng>,
}

struct Task {
    future: RefCell<Option<Pin<Box<dyn Future<Output = ()>>>>>,
    ready: Arc<Ready>,
}

struct Ready(AtomicBool);

impl Wake for Ready {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Sim {
    pub fn new(seed: u64) -> Rc<Self> {
        Rc::new(Self {
            now: Cell::new(1_000_000),
            timers: RefCell::default(),
            timer: Cell::new(0),
            tasks: RefCell::default(),
            random: RefCell::new(fastrand::Rng::with_seed(seed)),
        })
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.now.get())
    }

    /// A number below `end`.
    pub fn random(&self, end: u64) -> u64 {
        self.random.borrow_mut().u64(0..end)
    }

    pub fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        let ready = Arc::new(Ready(AtomicBool::new(true)));
        self.tasks.borrow_mut().push(Rc::new(Task { future: RefCell::new(Some(Box::pin(future))), ready }));
    }

    /// Runs until all tasks are done. Panics if none can go on: somebody waits for what never comes.
    pub fn run(&self) {
        loop {
            let ready: Vec<_> = {
                let mut tasks = self.tasks.borrow_mut();
                tasks.retain(|task| task.future.borrow().is_some());
                tasks.iter().filter(|task| task.ready.0.load(Ordering::Relaxed)).cloned().collect()
            };
            if !ready.is_empty() {
                ready[self.random(ready.len() as u64) as usize].poll();
                continue;
            }
            if self.tasks.borrow().is_empty() {
                return;
            }
            let Some(((at, _), waker)) = self.timers.borrow_mut().pop_first() else {
                panic!("{} tasks wait for what never comes", self.tasks.borrow().len());
            };
            self.now.set(self.now.get().max(at));
            waker.wake();
        }
    }

    /// Runs one future, and whatever is spawned meanwhile, to the end.
    pub fn block_on<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> T {
        let result = Rc::new(RefCell::new(None));
        let into = Rc::clone(&result);
        self.spawn(async move { *into.borrow_mut() = Some(future.await) });
        self.run();
        result.take().unwrap()
    }

    pub fn sleep(self: &Rc<Self>, duration: Duration) -> Sleep {
        Sleep { sim: Rc::clone(self), until: self.now.get() + duration.as_millis() as u64, timer: None }
    }
}

impl Task {
    fn poll(&self) {
        self.ready.0.store(false, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&self.ready));
        let mut slot = self.future.borrow_mut();
        let Some(future) = slot.as_mut() else { return };
        if future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            *slot = None;
        }
    }
}

/// A pause. Even one of no time lets others go first.
pub struct Sleep {
    sim: Rc<Sim>,
    until: u64,
    timer: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.timer.is_some() && self.sim.now.get() >= self.until {
            return Poll::Ready(());
        }
        let timer = self.timer.unwrap_or_else(|| self.sim.timer.replace(self.sim.timer.get() + 1));
        self.timer = Some(timer);
        self.sim.timers.borrow_mut().insert((self.until, timer), context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(timer) = self.timer {
            self.sim.timers.borrow_mut().remove(&(self.until, timer));
        }
    }
}

/// Gives a future so much time, and drops it then.
pub async fn within<T>(sim: &Rc<Sim>, time: Duration, future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    let mut sleep = std::pin::pin!(sim.sleep(time));
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => sleep.as_mut().poll(context).map(|()| None),
    })
    .await
}
