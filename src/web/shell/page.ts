/** What each view of the page is given. */
import type { Observable, Subject } from 'rxjs';
import type { Right } from '../../files/protocol/access.ts';
import type { Requests } from './requests.ts';
import type { Session, Sessions } from './session.ts';

export interface Page {
  /** Null where a view needs none: the captures. */
  readonly session: Session | null;
  readonly sessions: Sessions;
  readonly requests: Requests;
  /** What stands behind the name of the view in the address: the folder of the files, say, decoded. */
  readonly place$: Observable<string>;
  readonly goTo: (place: string) => void;
  /** Emits when the page itself has changed files: what shows them asks again. */
  readonly changed$: Subject<void>;
  /** Tells what has happened, to whoever looks and whoever listens. */
  readonly say: (text: string) => void;
}

export const may = ({ session }: Page, right: Right): boolean => session?.rights.includes(right) ?? false;
