/**
 * An Angular service for messages over a WebSocket: one connection however many components listen, made anew when it
 * breaks, and closed with the injector.
 *
 *     providers: [{ provide: FEED_URL, useValue: 'wss://prices.example.org' }]
 *
 *     readonly feed = inject(Feed);            // in a component
 *     {{ feed.last() }}
 */
import { Injectable, InjectionToken, inject, type Signal, signal } from '@angular/core';
import { takeUntilDestroyed, toSignal } from '@angular/core/rxjs-interop';
import { Observable, repeat, retry, share, timer } from 'rxjs';
import { type Framed, framed, fromWebSocket, lines } from 'sluice';

/** The address of the server, `wss://…`. */
export const FEED_URL = new InjectionToken<string>('FEED_URL');

/** What a line may have at most, in bytes: a longer one is an error, and the connection is made anew. */
const LINE_BYTES_MAX = 10_000;
const RECONNECT_MS = 1_000;

@Injectable({ providedIn: 'root' })
export class Feed {
  readonly #url = inject(FEED_URL);
  readonly #peer = signal<Framed<string> | null>(null);

  /** Every line from now on, connected as long as somebody listens. */
  readonly lines$: Observable<string> = new Observable<string>((subscriber) => {
    const peer = framed(fromWebSocket(new WebSocket(this.#url)), lines({ maxLength: LINE_BYTES_MAX }));
    this.#peer.set(peer);
    subscriber.add(() => {
      this.#peer.set(null);
      peer.destroy();
    });
    subscriber.add(peer.messages$.subscribe(subscriber));
  }).pipe(
    retry({ delay: () => timer(RECONNECT_MS) }),
    repeat({ delay: () => timer(RECONNECT_MS) }),
    takeUntilDestroyed(),
    share(),
  );

  /** The last line; null before the first. It listens as long as the injector lives. */
  readonly last: Signal<string | null> = toSignal(this.lines$, { initialValue: null });

  /** Sends a line; rejects when there is no connection, or it breaks before the line has left. */
  async send(line: string): Promise<void> {
    const peer = this.#peer();
    if (peer === null) throw new Error(`There is no connection to ${this.#url}`);
    await peer.send(line);
  }
}
