/** Protocol Buffers' wire format (https://protobuf.dev/programming-guides/encoding), as far as reading a file needs it. */

/** The fields of a message by number, each with its values in order: numbers, or the bytes of texts and messages. */
export type Message = ReadonlyMap<number, readonly (number | Uint8Array)[]>;

/** Fixed-width fields are read as floats. @throws RangeError when the bytes are no message */
export function readMessage(bytes: Uint8Array): Message {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const message = new Map<number, (number | Uint8Array)[]>();
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = view.getUint8(at++);
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  const take = (length: number) => {
    if (at + length > bytes.length) throw new RangeError("cut short");
    at += length;
    return at - length;
  };
  const payload = (type: number) => {
    switch (type) {
      case 0:
        return varint();
      case 1:
        return view.getFloat64(take(8), true);
      case 2: {
        const begin = take(varint());
        return bytes.subarray(begin, at);
      }
      case 5:
        return view.getFloat32(take(4), true);
      default:
        throw new RangeError(`a field of wire type ${type}`);
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const number = Math.floor(key / 8);
    const value = payload(key % 8);
    const values = message.get(number);
    if (values) values.push(value);
    else message.set(number, [value]);
  }
  return message;
}
