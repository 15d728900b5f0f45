/** Looks into captures: they are read in the browser, and nothing of them leaves it. */
import { useMemo, useRef, useState } from 'preact/hooks';
import type { Page } from '../shell/page.ts';
import { useObservable } from '../shell/use-observable.ts';
import { FollowFile } from './parts/follow-file.tsx';
import { FramingChoice } from './parts/framing-choice.tsx';
import { Inspected } from './parts/inspected.tsx';
import { ReadingBar } from './parts/reading-bar.tsx';
import { askWorker } from './read/ask-worker.ts';
import { createReading, type Reading, type ReadingState } from './reading.ts';

/** It outlives the view: whoever comes back finds the capture as it was left. */
let kept: Reading | null = null;

export function InspectView(_: { readonly page: Page }) {
  const reading = useMemo(() => {
    kept ??= createReading(askWorker);
    return kept;
  }, []);
  const state = useObservable<ReadingState>(reading.state$, reading.state());
  const [isOver, setOver] = useState(false);
  const picker = useRef<HTMLInputElement>(null);
  const { file, phase, fault, inspector, framing } = state;
  const open = (files: FileList | null | undefined): void => {
    const [first] = files ?? [];
    if (first !== undefined) reading.open(first);
  };
  const hasFile = file !== null && phase !== 'failed';
  return (
    // What is dropped is also picked by the button, which the keyboard reaches.
    // biome-ignore lint/a11y/noStaticElementInteractions: see above.
    <div
      class="inspect"
      data-over={isOver}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={(event) => {
        if (event.target === event.currentTarget) setOver(false);
      }}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        open(event.dataTransfer?.files);
      }}
    >
      <div class={hasFile ? 'inspect-bar' : 'inspect-bar inspect-empty'}>
        {!hasFile && (
          <>
            <h2>Look into a capture</h2>
            <p>
              Drop a capture here, or pick one: .pcap or .pcapng, as it is or compressed with gzip or
              Zstandard.
            </p>
          </>
        )}
        {phase === 'failed' && (
          <p id="inspect-fault" class="fault" role="alert">
            {fault}
          </p>
        )}
        <input
          ref={picker}
          id="pick-capture"
          type="file"
          class="unseen"
          aria-label="Capture"
          tabIndex={-1}
          accept=".pcap,.pcapng,.cap,.gz,.zst"
          onChange={(event) => {
            open(event.currentTarget.files);
            event.currentTarget.value = '';
          }}
        />
        <button type="button" class={hasFile ? '' : 'primary'} onClick={() => picker.current?.click()}>
          {hasFile ? 'Another capture' : 'Pick a capture'}
        </button>
        <FramingChoice framing={framing} choose={reading.setFraming} />
        {!hasFile && <p class="hint">It is read in this browser. Nothing of it is sent anywhere.</p>}
        <ReadingBar state={state} cancel={reading.cancel} />
      </div>
      {hasFile && (
        <Inspected
          key={inspector}
          inspector={inspector}
          more="Filter on the command line, by sluice inspect --only, to have all of a conversation."
          follow={(conversation, side) => (
            <FollowFile
              key={`${conversation.it.index} ${side}`}
              file={file}
              index={conversation.it.index}
              side={side}
              bytes={conversation.lanes[side].counts.bytes}
            />
          )}
        />
      )}
    </div>
  );
}
