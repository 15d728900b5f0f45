/** Prints the list of conversations, as a table or as JSON. */
import { createIndexSet } from '../../../base/index-set.ts';
import { formatCountOf } from '../../../base/units.ts';
import { createFinder } from '../../../capture/inspect/find-bytes.ts';
import type { InspectEvent } from '../../../capture/inspect/inspect-event.ts';
import { jsonOf } from '../json.ts';
import { type Events, each, type PrintOptions } from '../print-events.ts';
import { createSum } from '../sum.ts';
import { createList } from './list.ts';
import { listedJson } from './list-json.ts';
import { createListRows } from './list-rows.ts';
import type { Listed } from './listed.ts';

/** Returns the number of conversations; with `find`, of those that have what was looked for. */
export async function printList(events: Events, options: PrintOptions): Promise<number> {
  const { columns, flags, output, paint } = options;
  const { find, json = false, sort } = flags;
  const rows = createListRows(columns, paint);
  const sum = createSum(columns);
  let printed = 0;
  const print = (listed: Listed): void => {
    if (json) output.json(listedJson(listed));
    else {
      if (printed === 0 && rows.names !== null) output.line(rows.names);
      output.line(rows.row(listed));
    }
    printed++;
  };
  const found = createIndexSet();
  const finder =
    find === undefined
      ? null
      : createFinder(find.bytes, find.indexOf, ({ conversation }) => found.add(conversation.index));
  const list = createList(print, {
    ...(sort === undefined ? {} : { order: sort }),
    ...(find === undefined ? {} : { isWanted: found.has }),
  });
  const take = (event: InspectEvent): void => {
    if (event.type === 'chunk' || event.type === 'close') finder?.take(event);
    list.take(event);
    if (json && event.type === 'unread') output.json(jsonOf(event));
    sum.take(event);
  };
  let dropped = 0;
  try {
    await each(events, options, take);
  } finally {
    dropped = list.end();
    if (dropped > 0 && json) output.json({ type: 'unlisted', conversations: dropped });
    else if (dropped > 0) output.line(`… and ${formatCountOf(dropped, 'conversation')} more`);
    if (!json) {
      const lines = sum.lines();
      if (printed > 0 && lines.length > 0) output.line('');
      for (const line of lines) output.line(line);
    }
    output.flush();
  }
  return printed + dropped;
}
