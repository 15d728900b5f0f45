import type { ConversationView } from '../model/conversation-view.ts';
import type { Item } from '../model/items.ts';
import type { View } from '../model/scale.ts';

/** The content of a drawing. */
export interface Scene {
  readonly conversation: ConversationView;
  readonly view: View;
  readonly selected: Item | null;
  readonly hovered: Item | null;
  /** The hits of a search. */
  readonly found: readonly Item[];
}
