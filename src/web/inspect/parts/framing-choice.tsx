/** How frames are found. */

import { useState } from 'preact/hooks';
import { wordsOf } from '../../shell/words.ts';
import { framings, inspectOptionsOf } from '../read/framing.ts';
import type { FramingAsk } from '../read/messages.ts';

interface FramingChoiceProps {
  readonly framing: FramingAsk;
  readonly choose: (framing: FramingAsk) => void;
}

export function FramingChoice({ framing, choose }: FramingChoiceProps) {
  const [by, setBy] = useState(framing.by);
  const [fields, setFields] = useState(framing.fields || 'width=4,endian=big');
  const [fault, setFault] = useState('');
  const apply = (next: FramingAsk): void => {
    try {
      inspectOptionsOf(next);
      setFault('');
      choose(next);
    } catch (error) {
      setFault(wordsOf(error));
    }
  };
  return (
    <form
      class="framing"
      onSubmit={(event) => {
        event.preventDefault();
        apply({ by, fields });
      }}
    >
      <select
        id="framing"
        aria-label="Framing"
        value={by}
        onChange={(event) => {
          const next = event.currentTarget.value;
          setBy(next);
          setFault('');
          if (next !== 'length-field') apply({ by: next, fields: '' });
        }}
      >
        {framings.map(([name, title]) => (
          <option key={name} value={name}>
            {title}
          </option>
        ))}
      </select>
      {by === 'length-field' && (
        <>
          <input
            id="length-field"
            aria-label="Length field"
            spellcheck={false}
            autocomplete="off"
            value={fields}
            aria-invalid={fault !== ''}
            aria-describedby={fault === '' ? undefined : 'length-field-fault'}
            onInput={(event) => setFields(event.currentTarget.value)}
          />
          <button type="submit">Read</button>
        </>
      )}
      {fault !== '' && (
        <p id="length-field-fault" class="fault" role="alert">
          {fault}
        </p>
      )}
    </form>
  );
}
