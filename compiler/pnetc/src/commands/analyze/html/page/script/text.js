// Numbers as people read them.

const group = new Intl.NumberFormat("en-US");

function grouped(number) {
  return group.format(number);
}

// 589646596 as "590M", 0.93 as "0.93".
function short(number) {
  const [unit, name] = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]].find(([unit]) => number >= unit) ?? [1, ""];
  const value = number / unit;
  return `${value >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toPrecision(3)}${name}`;
}

function bytes(number) {
  const [unit, name] = [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]].find(([unit]) => number >= unit) ?? [1, "bytes"];
  const value = number / unit;
  return `${unit === 1 ? grouped(value) : value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${name}`;
}

function percent(share) {
  if (share === 0) return "0%";
  if (share < 0.0005) return "<0.1%";
  return `${(100 * share).toFixed(1)}%`;
}

function ratio(part, whole) {
  return whole > 0 ? part / whole : 0;
}

// Of lists that may be too long to be arguments.
function largest(numbers) {
  return numbers.reduce((most, number) => (number > most ? number : most), -Infinity);
}

function smallest(numbers) {
  return -largest(numbers.map((number) => -number));
}

function counted(number, thing) {
  return `${grouped(number)} ${thing}${number === 1 ? "" : "s"}`;
}

// The end of a long text, which is what tells paths apart.
function ending(text, length) {
  return text.length > length ? `…${text.slice(text.length - length + 1)}` : text;
}

function beginning(text, length) {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}

