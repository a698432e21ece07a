"""ROS 2 nodes that pass what they are asked to a Myna server. Only rclpy and the standard library of Python 3.10."""
