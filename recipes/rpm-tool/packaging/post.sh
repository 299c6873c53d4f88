#!/bin/sh
# A state of before 1.0 lay elsewhere: 100% of it is taken along.
if [ -f /var/lib/roomleft.state ]; then
  mv /var/lib/roomleft.state /var/lib/roomleft/state
fi
