/** The page that `sluice inspect --html` writes: one file, with the recording in it. */
import { render } from 'preact';
import { updateFromJson } from './data/from-json.ts';
import { createInspector, take } from './model/inspector.ts';
import { createRecordingStore } from './model/recording.ts';
import { FollowHere } from './parts/follow-here.tsx';
import { Inspected } from './parts/inspected.tsx';

const update = updateFromJson(document.getElementById('capture')!.textContent ?? '');
document.title = `${update.name} · sluice inspect`;
const inspector = createInspector(update.name);
take(inspector, createRecordingStore(update.name).add(update));
render(
  <Inspected
    inspector={inspector}
    more="sluice inspect --only makes a page of fewer conversations."
    follow={(conversation, side) => (
      <FollowHere key={side} name={update.name} conversation={conversation} side={side} />
    )}
  />,
  document.getElementById('page')!,
);
