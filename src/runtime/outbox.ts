/**
 * What is to be sent, gathered: everything that is ready when the connection can take it leaves in one write.
 *
 * One write is under way at a time, and what comes meanwhile is gathered into the next one. Replies are copied into
 * one buffer: thousands of small arrays cost more to write, and to collect, than their bytes do. The queue is
 * bounded by credit: a reply holds its request's, and its own bytes, until the operating system has taken it.
 *
 * **Patience.** A plain script sends its files, never reads a reply, and closes. When a system closes a socket on
 * which there is something unread, it sends a reset and drops what it has not sent yet: an ack that came too early
 * would destroy the end of the last file. So acks nobody has shown to want are held until the peer falls silent
 * while we listen, ends its side, or nothing but held acks keeps the connection from being read. A peer shows that it reads by sending a request that makes no
 * sense otherwise (the session knows: such replies are `eager`), or by waiting for our acks: twice in a row it said
 * nothing until we sent one, and then went on at once.
 *
 *   state      an ack that is not eager                                  leaves it by
 *   patient    waits until nothing was heard for `quiet` ms              an eager reply, two signs of waiting
 *   eager      is sent at once                                           never
 */
import type { SchedulerLike, Subscription } from 'rxjs';
import type { Connection, ConnectionFault } from '../transport/connection.ts';
import type { Window } from './credit.ts';

export interface Outbox {
  /** Queues a reply; its bytes are copied. `credit` is given back once it is the operating system's, or never will be. */
  readonly reply: (bytes: Uint8Array, eager: boolean, credit: number) => void;
  /** Queues bytes of a file behind it, as they are; they must stay unchanged until `settled` is called. */
  readonly body: (bytes: Uint8Array, settled: (fault?: ConnectionFault) => void) => void;
  /** To be called when the peer was heard from. */
  readonly heard: () => void;
  /** To be called when reading pauses and resumes: while we do not listen, silence says nothing about the peer. */
  readonly listen: (listening: boolean) => void;
  /** To be called when a turn of work is over: sends what may be sent now. */
  readonly flush: () => void;
  /** Nothing more will come from the peer: nothing more is held back. */
  readonly release: () => void;
  /** Ends our side once all is sent; nothing may be pushed after it. */
  readonly end: () => void;
  readonly dispose: () => void;
}

export interface OutboxOptions {
  readonly connection: Connection;
  readonly window: Window;
  readonly scheduler: SchedulerLike;
  /** Milliseconds of silence after which a peer is taken to wait for us. */
  readonly quiet: number;
}

export function createOutbox({ connection, window, scheduler, quiet }: OutboxOptions): Outbox {
  let chunks: Uint8Array[] = [];
  let settles: ((fault?: ConnectionFault) => void)[] = [];
  let credit = 0;
  /** Replies not yet in `chunks`: so many bytes at the start of `gathered`. */
  let gathered = new Uint8Array(0);
  let length = 0;
  let writing = false;
  let ending = false;

  let patient = true;
  let listening = true;
  let due = false;
  let timer: Subscription | null = null;
  let lastHeard = scheduler.now();
  let lastYield: number | null = null;
  let signs = 0;

  function flush(): void {
    if (writing) return;
    if (chunks.length === 0 && length === 0) {
      if (ending) connection.end();
      return;
    }
    // Held acks must not hold up the reading for ever: then there would never be a silence.
    const stuck = window.paused() && window.unsettled() === credit;
    if (patient && !due && !stuck) return wait();
    send();
  }

  function send(): void {
    seal();
    const sending = chunks;
    const settled = settles;
    const held = credit;
    chunks = [];
    settles = [];
    credit = 0;
    due = false;
    writing = true;
    timer?.unsubscribe();
    timer = null;
    connection.write(sending, (fault) => {
      writing = false;
      window.give(held);
      for (const settle of settled) settle(fault);
      flush();
    });
  }

  /** Looks again when the silence would be long enough; one timer however many acks are held. */
  function wait(): void {
    if (timer !== null || !listening) return;
    const left = lastHeard + quiet - scheduler.now();
    timer = scheduler.schedule(
      () => {
        timer = null;
        if (!listening) return;
        if (scheduler.now() - lastHeard < quiet) return wait();
        lastYield = scheduler.now();
        due = true;
        flush();
      },
      Math.max(left, 0),
    );
  }

  function heard(): void {
    const now = patient ? scheduler.now() : 0;
    if (patient && lastYield !== null) {
      signs = now - lastYield <= quiet ? signs + 1 : 0;
      lastYield = null;
      if (signs === 2) patient = false;
    }
    lastHeard = now;
  }

  /** Moves the gathered replies behind what is queued already. */
  function seal(): void {
    if (length === 0) return;
    chunks.push(gathered.subarray(0, length));
    // What is left of the buffer takes the next replies: these bytes are not written to again.
    gathered = gathered.subarray(length);
    length = 0;
  }

  /** Makes room for so many bytes more, twice what there was each time. */
  function room(bytes: number): void {
    if (length + bytes <= gathered.length) return;
    const larger = new Uint8Array(Math.max(length + bytes, 2 * length, 4096));
    larger.set(gathered.subarray(0, length));
    gathered = larger;
  }

  return {
    reply: (bytes, eager, paid) => {
      if (eager) due = true;
      window.take(bytes.length);
      credit += bytes.length + paid;
      room(bytes.length);
      gathered.set(bytes, length);
      length += bytes.length;
    },
    body: (bytes, settled) => {
      due = true;
      seal();
      chunks.push(bytes);
      settles.push(settled);
    },
    heard,
    listen: (now) => {
      listening = now;
      lastHeard = scheduler.now();
    },
    flush,
    release: () => {
      patient = false;
    },
    end: () => {
      patient = false;
      ending = true;
      flush();
    },
    dispose: () => timer?.unsubscribe(),
  };
}
