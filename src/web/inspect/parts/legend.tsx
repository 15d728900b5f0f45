/** What the colours and marks of the drawing mean. */
export function Legend() {
  return (
    <ul class="legend" aria-label="Legend">
      <li>
        <i class="chunk" />
        chunk, as TCP delivered it
      </li>
      <li>
        <i class="frames" />
        frames, as they were meant; the head is darker
      </li>
      <li>
        <i class="glued" />
        several frames in a chunk: glued
      </li>
      <li>
        <i class="cut" />a frame in several chunks: cut
      </li>
      <li>
        <i class="dense" />
        too many to be drawn by themselves: the higher, the more; pale where this page has only their number
      </li>
      <li>
        <i class="gap" />
        not in the recording
      </li>
      <li>
        <i class="fault" />
        framing lost
      </li>
      <li>
        <i class="found" />
        frames found again, behind a gap or from the middle of a connection on
      </li>
      <li>
        <i class="conflict" />
        conflict: bytes came twice and differed
      </li>
      <li>
        <i class="again" />
        sent again: retransmissions with the same bytes, counted beside their lane
      </li>
    </ul>
  );
}
