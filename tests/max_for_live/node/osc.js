// OSC as Max's udpsend and udpreceive speak it: i, f and s; a whole number is sent as i.
"use strict";

function encode(address, ...args) {
  const tags = args.map((value) => (typeof value === "string" ? "s" : Number.isInteger(value) ? "i" : "f"));
  const parts = [text(address), text(`,${tags.join("")}`)];
  for (const [index, value] of args.entries()) {
    if (tags[index] === "s") {
      parts.push(text(value));
      continue;
    }
    const bytes = Buffer.alloc(4);
    if (tags[index] === "i") bytes.writeInt32BE(value);
    else bytes.writeFloatBE(value);
    parts.push(bytes);
  }
  return Buffer.concat(parts);
}

function text(value) {
  const bytes = Buffer.from(value, "utf8");
  return Buffer.concat([bytes, Buffer.alloc(4 - (bytes.length % 4))]);
}

function decode(datagram) {
  let position = 0;
  const word = () => {
    const end = datagram.indexOf(0, position);
    const value = datagram.toString("utf8", position, end);
    position = end + 4 - (end % 4);
    return value;
  };
  const address = word();
  const args = [...word().slice(1)].map((tag) => {
    if (tag === "s") return word();
    position += 4;
    return tag === "i" ? datagram.readInt32BE(position - 4) : datagram.readFloatBE(position - 4);
  });
  return { address, args };
}

module.exports = { encode, decode };
