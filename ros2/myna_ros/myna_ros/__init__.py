"""A robot's voice: a ROS 2 node that hears and speaks through a Myna server."""
