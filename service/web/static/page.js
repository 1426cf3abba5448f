// Everything works without this file. With it, what went wrong or well is read out, and the page follows the hour.
(function () {
  "use strict";
  var told = document.querySelector('.faults[role="alert"]');
  if (told) { told.focus(); }
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    window.setTimeout(function () { delete form.dataset.sent; }, 4000);
  });
  if (document.querySelector(".clock .now")) {
    window.setTimeout(function tick() {
      var typing = document.activeElement && /INPUT|TEXTAREA|SELECT/.test(document.activeElement.tagName);
      if (!typing) { window.location.reload(); } else { window.setTimeout(tick, 30000); }
    }, 60000);
  }
})();
