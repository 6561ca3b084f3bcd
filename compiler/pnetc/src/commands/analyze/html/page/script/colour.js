// Costs as colour: classes of the share of the whole, about three times as much each, so that the same colour means the same
// share in every view. The colours themselves, for light and dark, stand in the style.

const classEnds = [0, 0.003, 0.01, 0.03, 0.1, 0.3, Infinity];

function costClass(share) {
  return share === 0 ? 0 : classEnds.findIndex((end, place) => place > 0 && share < end);
}

function drawLegend() {
  const texts = ["0", "<0.3%", "<1%", "<3%", "<10%", "<30%", "≥30%"];
  const keys = texts.map((text, place) => element("span", { class: `key cost-${place}` }, text));
  byId("legend").replaceChildren(element("span", { class: "legend-title" }, `share of ${metricNamed.get(state.metric).title}`), ...keys);
}

